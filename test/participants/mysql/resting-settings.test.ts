/** What a branch has set at MariaDB, while its connection rests in the pool. */
import assert from 'node:assert/strict'
import { before, beforeEach, test } from 'node:test'
import type { Pool } from 'mysql2/promise'
import { mariadbSuite } from '../../harness/mariadb.ts'
import { allIdle, numberOf, rowsOf, TestedParticipant } from './tested.ts'
import { WatchedWire } from './watched-wire.ts'

await mariadbSuite('settings that rest on a pooled connection', (servers) => {
  const skip = servers.flavour === 'mysql' && 'MySQL is sent one by one'
  let url: string
  let pool: Pool
  let wire: WatchedWire
  let tested: TestedParticipant
  let watching: Pool

  before(async () => {
    url = await servers.database(await servers.shared())
    watching = servers.pool(url)
    await watching.query('create table item (id int primary key) engine = InnoDB')
  })

  beforeEach(async () => {
    await watching.query('delete from item')
    pool = servers.pool(url, { connectionLimit: 1 })
    wire = new WatchedWire(pool)
    tested = await TestedParticipant.open(pool)
    // On first sight a connection is learnt.
    await (await tested.sealed('select 1')).branch.rollback()
    await allIdle(pool)
    wire.writes.length = 0
  })

  const items = async (): Promise<number[]> =>
    (await rowsOf(watching, 'select id from item order by id')).map(({ id }) => Number(id))

  test('stay until somebody else says something', { skip }, async () => {
    const settings = `select @@autocommit, @@innodb_lock_wait_timeout, @@lock_wait_timeout,
      @@max_statement_time, @@idle_transaction_timeout, @@session_track_system_variables,
      @@session_track_state_change, @@tx_isolation, @@tx_read_only`
    const [own] = await rowsOf(watching, settings)
    for (const isolation of ['serializable', 'repeatable read', 'repeatable read'] as const) {
      const branch = await tested.begin({ isolation })
      await branch.client.query('select 1')
      await branch.dropped()
    }
    const sent = wire.writes.flat().filter((text) => text.startsWith('set '))
    // The modes of one transaction, and nothing else, were set and are gone with it.
    assert.deepEqual(sent, [`set @@tx_isolation = 'SERIALIZABLE', @@tx_read_only = 0`])
    wire.writes.length = 0
    assert.deepEqual(await rowsOf(pool, settings), [own])
    const restored = wire.writes.map(([text = '']) => text.slice(0, 11))
    assert.deepEqual(restored, ['set session', settings.slice(0, 11)])
    await pool.query('insert into item values (7)')
    assert.deepEqual(await items(), [7])
    // And the next branch does not take them for granted.
    wire.writes.length = 0
    const branch = await tested.begin()
    await branch.client.query('select 1')
    await branch.dropped()
    // It asks anew what the session has by itself, and puts its settings over that.
    const [asked = '', , settled = ''] = wire.writes.map(([text = '']) => text)
    assert.match(asked, /^select connection_id/)
    assert.match(settled, /^set session .*autocommit = 0/)
  })

  test('where they can not be taken back, nothing of others is run', { skip }, async () => {
    wire.spoil = (text) => text.replace('set session innodb', 'sex session innodb')
    await assert.rejects(pool.query('insert into item values (8)'))
    wire.spoil = (text) => text
    assert.deepEqual(await items(), [])
    assert.equal(await numberOf(pool, 'select @@autocommit'), 1)
    await pool.query('insert into item values (9)')
    assert.deepEqual(await items(), [9])
  })

  test('are not put back over what somebody else has set since', { skip }, async () => {
    const connection = await pool.getConnection()
    await connection.query('set autocommit = 0')
    connection.release()
    for (const _ of ['first', 'second']) {
      const branch = await tested.begin()
      await branch.client.query('insert into item values (1)')
      await branch.dropped()
    }
    const again = await pool.getConnection()
    await again.query('insert into item values (2)')
    await again.query('rollback')
    again.release()
    assert.deepEqual(await items(), [], 'what he rolled back is not there')
  })

  test('are no reason to leave out the modes, where somebody else gave the session his own', {
    skip,
  }, async () => {
    const connection = await pool.getConnection()
    await connection.query('set session transaction isolation level read uncommitted, read only')
    connection.release()
    // Also when a branch has been on the connection since: its modes were those of one transaction.
    for (const _ of ['first', 'second', 'third']) {
      const branch = await tested.begin()
      await branch.client.query('insert into item values (1)')
      assert.equal(branch.branch.doomed, undefined)
      await branch.dropped()
    }
    const [own] = await rowsOf(pool, 'select @@tx_isolation as level, @@tx_read_only as ro')
    assert.deepEqual(own, { level: 'READ-UNCOMMITTED', ro: 1 }, 'and he has them again')
  })
})
