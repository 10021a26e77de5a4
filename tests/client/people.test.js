import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Table } from './table.js'

const user = (/** @type {string} */ id) => ({ id, name: id })
/** @param {Table} table */
const here = table => table.page.state.people?.map(({ id }) => id).sort()

/** @param {string[]} [people] */
async function among(people = ['ann', 'bob']) {
  const table = new Table()
  await table.welcome()
  table.receive({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 10, recovered: false, can: [], users: people.length, connections: 2, people: people.map(user) })
  table.snapshot(10, 'first')
  return table
}
/** @param {Table} table  @param {number} users  @param {object} [lists] */
const presence = (table, users, lists) => table.receive({ type: 'presence', urlId: '/page', users, connections: users, ...lists })

describe('who is here', () => {
  test('is nobody\'s business unless the server tells it', async () => {
    const table = await new Table().live()
    presence(table, 2)
    assert.equal(here(table), undefined)
  })

  test('who comes and who leaves', async () => {
    const table = await among()
    assert.deepEqual(here(table), ['ann', 'bob'])
    presence(table, 2, { joined: [user('eve')], left: ['bob'] })
    assert.deepEqual(here(table), ['ann', 'eve'])
    presence(table, 2, { joined: [{ id: 'eve', name: 'Eve the second' }] })
    assert.deepEqual(table.page.state.people?.map(({ name }) => name), ['ann', 'Eve the second'])
    presence(table, 2)
    assert.deepEqual(here(table), ['ann', 'eve'])
  })

  test('a page that outgrows its list has none, until everybody is told again', async () => {
    const table = await among()
    presence(table, 9)
    assert.equal(here(table), undefined)
    presence(table, 1, { joined: [user('ann')], left: ['bob'] })
    assert.deepEqual(here(table), ['ann'])
  })

  test('a list with a hole is none', async () => {
    const table = await among()
    presence(table, 4, { joined: [user('eve')] })
    assert.equal(here(table), undefined)
  })
})
