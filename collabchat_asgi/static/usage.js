/** The usage dashboard: what `GET v1/usage` gives, for those who may see it. */

const COUNTERS = /** @type {const} */ ({
  pubSubMessageCount: 'Messages',
  pubSubBandwidth: 'Bandwidth',
  eventDeliveryCount: 'Events delivered',
  operationCount: 'Operations',
  chatCreateCount: 'Chats',
  commentCreateCount: 'Comments',
  connectionSeconds: 'Connected',
})

/** @typedef {keyof typeof COUNTERS} Counter */
/** @typedef {{tenantId: string, urlId?: string, day: string} & Record<Counter, number>} Row */

const number = new Intl.NumberFormat()
const bytes = new Intl.NumberFormat(undefined, { style: 'unit', unit: 'megabyte', maximumFractionDigits: 2 })
const hours = new Intl.NumberFormat(undefined, { style: 'unit', unit: 'hour', maximumFractionDigits: 1 })

/** @param {string} name @param {number} value */
const shown = (name, value) =>
  name === 'pubSubBandwidth' ? bytes.format(value / 1e6)
    : name === 'connectionSeconds' ? hours.format(value / 3600)
      : number.format(value)

/** @param {string} name @param {...(Node | string)} children */
const element = (name, ...children) => {
  const made = document.createElement(name)
  made.append(...children)
  return made
}

const form = /** @type {HTMLFormElement} */ (document.querySelector('form'))
const status = /** @type {HTMLElement} */ (document.querySelector('[role=status]'))
const totals = /** @type {HTMLElement} */ (document.querySelector('dl'))
const table = /** @type {HTMLTableElement} */ (document.querySelector('table'))

/** @param {Row[]} rows */
const draw = rows => {
  const names = /** @type {Counter[]} */ (Object.keys(COUNTERS))
  const perPage = rows.some(row => row.urlId)
  totals.replaceChildren(...names.map(name => {
    const sum = rows.reduce((all, row) => all + row[name], 0)
    return element('div', element('dt', COUNTERS[name]), element('dd', shown(name, sum)))
  }))
  const head = ['Day', ...(perPage ? ['Page'] : []), ...names.map(name => COUNTERS[name])]
  const body = rows.map(row => element('tr',
    element('td', row.day),
    ...(perPage ? [element('td', row.urlId ?? '–')] : []),
    ...names.map(name => element('td', shown(name, row[name])))))
  table.replaceChildren(
    element('thead', element('tr', ...head.map(name => element('th', name)))),
    element('tbody', ...body))
  table.hidden = rows.length === 0
  status.textContent = rows.length ? '' : 'Nothing was counted in these days.'
}

const load = async () => {
  const query = new URLSearchParams()
  for (const [name, value] of new FormData(form)) if (value) query.set(name, String(value))
  history.replaceState(null, '', `?${query}`)
  try {
    const response = await fetch(new URL(`v1/usage?${query}`, import.meta.url), { credentials: 'same-origin' })
    const answer = await response.json()
    if (!response.ok) throw new Error(answer.message)
    draw(answer.rows)
  } catch (error) {
    draw([])
    status.textContent = `Usage cannot be shown: ${error instanceof Error ? error.message : error}`
  }
}

/** @param {string} name @param {string} value */
const fill = (name, value) => {
  const input = /** @type {HTMLInputElement} */ (form.elements.namedItem(name))
  input.value = value
}

const asked = new URLSearchParams(location.search)
const day = (/** @type {number} */ ago) => new Date(Date.now() - ago * 864e5).toISOString().slice(0, 10)
fill('tenantId', asked.get('tenantId') ?? '')
fill('from', asked.get('from') ?? day(29))
fill('to', asked.get('to') ?? day(0))
form.addEventListener('submit', event => {
  event.preventDefault()
  void load()
})
void load()
