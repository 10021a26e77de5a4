/** The usage dashboard: what `GET v1/usage` gives, for those who may see it; today as it grows. */

import { grouped } from './grouped.js'
import { Plot } from './plot.js'
import { translate, usageWords } from './usagewords.js'

const words = await usageWords(navigator.languages)
translate(words)

const COUNTERS = {
  pubSubMessageCount: words.say('Messages'),
  pubSubBandwidth: words.say('Bandwidth'),
  eventDeliveryCount: words.say('Events delivered'),
  operationCount: words.say('Operations'),
  chatCreateCount: words.say('Chats'),
  commentCreateCount: words.say('Comments'),
  connectionSeconds: words.say('People connected'),
}
const PLOTS = /** @type {const} */ ([
  'pubSubMessageCount', 'pubSubBandwidth', 'operationCount', 'connectionSeconds',
])
const QUOTED = {
  operations: words.say('Operations'), messages: words.say('Messages'), bandwidth: words.say('Bandwidth'),
  connections: words.say('Connections opened'), pages: words.say('Pages begun'),
}
const LIVE_MS = 5000
const PARTS = 5
const PAGES = 10
const MOST_DAYS = 731

/** @typedef {keyof typeof COUNTERS} Counter */
/** @typedef {{tenantId: string, urlId?: string, day: string} & Record<Counter, number>} Row */

/** @typedef {{used: number, limit: number}} Part */
/** @typedef {{per: string, over: string, endsAt: number} & Partial<Record<keyof typeof QUOTED, Part>>} Quota */

const NAMES = /** @type {Counter[]} */ (Object.keys(COUNTERS))
const number = new Intl.NumberFormat(words.locale)
const compact = new Intl.NumberFormat(words.locale, { notation: 'compact', maximumFractionDigits: 1 })
const hours = new Intl.NumberFormat(words.locale, { style: 'unit', unit: 'hour', unitDisplay: 'narrow', maximumFractionDigits: 1 })
const dates = new Intl.DateTimeFormat(words.locale, { dateStyle: 'medium', timeZone: 'UTC' })
const moments = new Intl.DateTimeFormat(words.locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
const lists = new Intl.ListFormat(words.locale, { type: 'unit', style: 'short' })
const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']

/** @param {number} value */
const bytes = value => {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3))
  return new Intl.NumberFormat(words.locale, {
    style: 'unit', unit: UNITS[power], maximumFractionDigits: 1,
  }).format(value / 1000 ** power)
}

/** @param {Counter} name @param {number} value @param {Intl.NumberFormat} [plain] */
const shown = (name, value, plain = number) =>
  name === 'pubSubBandwidth' ? bytes(value)
    : name === 'connectionSeconds' ? hours.format(rounded(value / 3600))
      : plain.format(value)

/** Where it has tens of them, nobody needs the tenth of an hour. @param {number} value */
const rounded = value => value > 99 ? Math.round(value) : value

/** @param {string} name @param {...(Node | string)} children */
const element = (name, ...children) => {
  const made = document.createElement(name)
  made.append(...children)
  return made
}

/** @template {HTMLElement} T @param {string} selector */
const one = selector => /** @type {T} */ (document.querySelector(selector))

const form = /** @type {HTMLFormElement} */ (one('form'))
const status = one('[role=status]')
const table = /** @type {HTMLTableElement} */ (one('table'))
const live = one('.live')
const plots = PLOTS.map(name => ({ name, plot: new Plot(words) }))
one('.plots').append(...plots.map(({ plot }) => plot.element))

const dayAgo = (/** @type {number} */ ago) => new Date(Date.now() - ago * 864e5).toISOString().slice(0, 10)

/** Every day from the first to the last one. @param {string} first @param {string} last */
const daysFrom = (first, last) => {
  const days = []
  for (let at = Date.parse(first); at <= Date.parse(last) && days.length < MOST_DAYS; at += 864e5) {
    days.push(new Date(at).toISOString().slice(0, 10))
  }
  return days
}

/** @param {Row[]} rows @param {Counter} name */
const sum = (rows, name) => rows.reduce((all, row) => all + row[name], 0)

/** What the bars are made of: tenants where there are several, else pages. @param {Row[]} rows */
const parted = rows => {
  const several = new Set(rows.map(row => row.tenantId)).size > 1
  const groups = grouped(rows, row => several ? row.tenantId : row.urlId ?? '')
  const rest = groups.slice(PARTS).flatMap(([, some]) => some)
  return [...groups.slice(0, PARTS), ...(rest.length ? [/** @type {const} */ ([words.say('others'), rest])] : [])]
}

/** @type {Row[]} */
let rows = []
/** By tenant, where the host has set one. @type {[string, Quota][]} */
let quotas = []

const draw = () => {
  const [first, last] = ['from', 'to'].map(name => field(name).value)
  const today = dayAgo(0)
  const days = daysFrom(first, last)
  const parts = parted(rows)
  const ofToday = rows.filter(row => row.day === today)
  one('dl').replaceChildren(...NAMES.map(name => element('div',
    element('dt', COUNTERS[name]),
    element('dd', shown(name, sum(rows, name)),
      ...(last >= today ? [element('small', words.say('{value} today', { value: shown(name, sum(ofToday, name)) }))] : [])))))
  one('.key').replaceChildren(...(parts.length < 2 ? [] : parts.map(([name], at) => {
    const mark = document.createElement('i')
    mark.className = `s${at}`
    return element('li', mark, name || words.say('not on a page'))
  })))
  for (const { name, plot } of plots) {
    plot.show({
      title: COUNTERS[name],
      days,
      today,
      unit: name === 'connectionSeconds' ? 3600 : 1,
      format: value => shown(name, value, compact),
      parts: parts.map(([label, some]) => {
        const values = new Map(grouped(some, row => row.day))
        return { name: label, values: days.map(day => sum(values.get(day) ?? [], name)) }
      }),
    })
  }
  drawQuotas()
  drawPages()
  drawTable()
  status.textContent = rows.length ? '' : words.say('Nothing was counted in these days.')
}

const drawQuotas = () => {
  one('.quotas ol').replaceChildren(...quotas.flatMap(([tenant, quota]) =>
    Object.entries(QUOTED).flatMap(([name, title]) => {
      const part = quota[/** @type {keyof typeof QUOTED} */ (name)]
      if (!part) return []
      const plain = name === 'bandwidth' ? bytes : number.format
      const meter = document.createElement('meter')
      meter.max = Math.max(1, part.limit)
      meter.value = part.used
      meter.high = meter.max * 0.9
      meter.optimum = 0
      const what = quota.per === 'day' ? words.say('{what} this day', { what: title }) : words.say('{what} this month', { what: title })
      const told = { used: plain(part.used), limit: plain(part.limit), when: moments.format(quota.endsAt) }
      return element('li', [tenant, what].filter(Boolean).join(': '),
        element('span', words.say('{used} of {limit}, until {when} UTC', told)), meter)
    })))
  one('.quotas').hidden = quotas.length === 0
}

const drawPages = () => {
  const pages = grouped(rows.filter(row => row.urlId), row => /** @type {string} */ (row.urlId))
  const most = pages.length ? sum(pages[0][1], 'pubSubMessageCount') : 0
  one('.busiest ol').replaceChildren(...pages.slice(0, PAGES).map(([name, some]) => {
    const meter = document.createElement('meter')
    const count = sum(some, 'pubSubMessageCount')
    meter.max = Math.max(1, most)
    meter.value = count
    return element('li', name,
      element('span', lists.format([words.count(count, '{n} message', '{n} messages'), bytes(sum(some, 'pubSubBandwidth'))])), meter)
  }))
  one('.busiest').hidden = pages.length === 0
}

/** The columns before the counters. @returns {[string, (row: Row) => string][]} */
const columns = () => [
  [words.say('Day'), row => dates.format(Date.parse(row.day))],
  ...(new Set(rows.map(row => row.tenantId)).size > 1
    ? [/** @type {[string, (row: Row) => string]} */ ([words.say('Tenant'), row => row.tenantId])] : []),
  ...(rows.some(row => row.urlId)
    ? [/** @type {[string, (row: Row) => string]} */ ([words.say('Page'), row => row.urlId ?? ''])] : []),
]

const drawTable = () => {
  const before = columns()
  const head = [...before.map(([name]) => name), ...NAMES.map(name => COUNTERS[name])]
  const body = rows.map(row => element('tr',
    ...before.map(([, of]) => element('td', of(row))),
    ...NAMES.map(name => element('td', shown(name, row[name])))))
  table.replaceChildren(
    element('thead', element('tr', ...head.map(name => element('th', name)))),
    element('tbody', ...body))
  table.hidden = rows.length === 0
}

/** A cell that no spreadsheet takes for a formula. @param {string} text */
const cell = text => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`

const csv = () => [
  ['tenantId', 'urlId', 'day', ...NAMES].join(','),
  ...rows.map(row => [
    cell(row.tenantId), cell(row.urlId ?? ''), row.day, ...NAMES.map(name => row[name]),
  ].join(',')),
].join('\r\n') + '\r\n'

/** @param {string} name */
const field = name => /** @type {HTMLInputElement} */ (form.elements.namedItem(name))

/** @param {string} tenant @returns {Promise<{rows: Row[], quotas: [string, Quota][]}>} */
const ask = async tenant => {
  const query = new URLSearchParams({ from: field('from').value, to: field('to').value })
  if (tenant) query.set('tenantId', tenant)
  const response = await fetch(new URL(`v1/usage?${query}`, import.meta.url), { credentials: 'same-origin' })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.message)
  return { rows: answer.rows, quotas: answer.quota ? [[tenant, answer.quota]] : [] }
}

let asked = 0

/** @param {boolean} [again] whether what is shown was asked for before */
const load = async (again = false) => {
  const serial = ++asked
  const tenants = field('tenantId').value.split(/[\s,]+/).filter(Boolean)
  if (!again) {
    const query = new URLSearchParams()
    for (const [name, value] of new FormData(form)) if (value) query.set(name, String(value))
    history.replaceState(null, '', `?${query}`)
    mark()
  }
  try {
    const found = await Promise.all((tenants.length ? tenants : ['']).map(ask))
    if (serial !== asked) return
    quotas = found.flatMap(one => one.quotas)
    rows = found.flatMap(one => one.rows).sort((a, b) => a.day < b.day ? -1 : a.day > b.day ? 1 : 0)
    draw()
    live.hidden = !isLive()
  } catch (error) {
    if (serial !== asked) return
    live.hidden = true
    if (!again) {
      rows = []
      quotas = []
      draw()
    }
    status.textContent = words.say('Usage cannot be shown: {reason}', { reason: error instanceof Error ? error.message : String(error) })
  }
}

const isLive = () => field('to').value >= dayAgo(0)

/** Which of the buttons says what is shown. */
const mark = () => {
  for (const button of document.querySelectorAll('nav button[value]')) {
    const ago = Number(button.getAttribute('value'))
    const is = field('from').value === dayAgo(ago - 1) && field('to').value === dayAgo(0)
    button.setAttribute('aria-pressed', String(is))
  }
}

field('tenantId').placeholder = words.say('yours')
one('nav').ariaLabel = words.say('Last days')
for (const button of document.querySelectorAll('nav button[value]')) button.textContent = words.count(Number(button.getAttribute('value')), '{n} day', '{n} days')
const given = new URLSearchParams(location.search)
field('tenantId').value = given.get('tenantId') ?? ''
field('from').value = given.get('from') ?? dayAgo(29)
field('to').value = given.get('to') ?? dayAgo(0)
form.addEventListener('submit', event => {
  event.preventDefault()
  void load()
})
one('nav').addEventListener('click', event => {
  const button = /** @type {HTMLElement} */ (event.target).closest('button')
  if (button?.value) {
    field('from').value = dayAgo(Number(button.value) - 1)
    field('to').value = dayAgo(0)
    void load()
  } else if (button) {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([csv()], { type: 'text/csv' }))
    link.download = `usage ${field('from').value} ${field('to').value}.csv`
    link.click()
    URL.revokeObjectURL(link.href)
  }
})
setInterval(() => {
  if (isLive() && document.visibilityState === 'visible') void load(true)
}, LIVE_MS)
void load()
