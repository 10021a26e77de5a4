// Who somebody is, taken on trust: a name that this browser keeps, sent as a token that nobody signed. A real application
// sends its own session instead, and its `authenticate` hook looks the session up.
import { mount } from '/collabchat/widget.js'

const KEY = 'collabchat-demo:name'
const form = document.querySelector('#who'), field = document.querySelector('#name'), me = document.querySelector('#me')

const stored = () => { try { return localStorage.getItem(KEY) } catch { return null } }
let name = stored()

const pick = list => list[Math.floor(Math.random() * list.length)]
const suggestion = () => pick(['Quiet', 'Amber', 'Early', 'Northern', 'Patient', 'Silver']) + ' ' + pick(['Otter', 'Heron', 'Maple', 'Lantern', 'Finch', 'Harbour'])

// Without a name one is a reader: everything shows, and the name is asked for first.
const chat = mount(document.querySelector('main'), { page: '/notes-in-the-margin', token: () => (name ? 'demo.' + encodeURIComponent(name) : undefined) })

// Whoever selects something without a name is offered to join, in the widget itself.
chat.setAttribute('signin', '')
chat.addEventListener('collabchat:signin', event => {
  event.preventDefault()
  field.focus()
})

function show(asking) {
  form.hidden = !asking
  me.hidden = asking
  document.querySelector('#known').textContent = name ?? ''
}

form.addEventListener('submit', event => {
  event.preventDefault()
  name = field.value.trim()
  if (!name) return
  try { localStorage.setItem(KEY, name) } catch { /* then it is kept as long as the page is */ }
  show(false)
  chat.removeAttribute('signin')
  chat.token = () => 'demo.' + encodeURIComponent(name)
})

// Whoever selects something before having a name is shown where names are given.
document.addEventListener('selectionchange', () => {
  const wanted = !name && !document.getSelection().isCollapsed
  form.classList.toggle('wanted', wanted)
  document.querySelector('label').textContent = wanted ? 'Pick a name to discuss this' : 'Your name'
})

document.querySelector('#change').addEventListener('click', () => {
  show(true)
  field.value = name
  field.select()
})

field.value = name ?? suggestion()
show(!name)
if (name) chat.removeAttribute('signin')
else field.select()
