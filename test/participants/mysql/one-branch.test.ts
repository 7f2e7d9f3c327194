/** MY-7: there is no working JOIN, so a transaction has one branch for each resource. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Pool } from 'mysql2/promise'
import { openCoordinator } from '../../../src/index.ts'
import { mysql } from '../../../src/mysql.ts'
import { mariadbSuite } from '../../harness/mariadb.ts'
import { errnoOf, numberOf, preparedIn, TestedParticipant } from './tested.ts'

await mariadbSuite('branches of one transaction at one MySQL database', (servers) => {
  let directory: string
  let url: string
  let pool: Pool

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'assent-mysql-'))
    url = await servers.database(await servers.shared())
    pool = servers.pool(url)
    await pool.query('create table item (id int primary key, n int)')
    await pool.query('insert into item values (1, 0)')
  })

  after(() => rm(directory, { recursive: true }))

  const n = (): Promise<number> => numberOf(pool, 'select n from item where id = 1')

  test('MY-7 a resource that is joined twice has one branch, which sees its own work', async () => {
    const coordinator = await openCoordinator({
      name: 'joined',
      log: join(directory, 'joined'),
      resources: { stock: mysql(pool) },
    })
    await coordinator.transaction(async (tx) => {
      const first = await tx.join('stock')
      await first.query('update item set n = n + 1 where id = 1')
      const second = await tx.join('stock')
      assert.equal(second, first)
      await second.query('update item set n = n + 1 where id = 1')
      const inner = await coordinator.join('stock')
      assert.equal(await numberOf(inner, 'select n from item where id = 1'), 2)
    })
    assert.equal(await n(), 2)
    await coordinator.close()
  })

  const impatient = (connection: { query(text: string): void }): void => {
    connection.query('set session innodb_lock_wait_timeout = 1')
  }

  for (const by of ['its lock', 'the time-out'] as const) {
    test(`MY-7 two names of one database that touch one row: ${by} ends it, both roll back`, async () => {
      const mirrored = servers.pool(url.replace('127.0.0.1', 'localhost'))
      if (by === 'its lock') onConnection(mirrored, impatient)
      const coordinator = await openCoordinator({
        name: 'twice',
        log: join(directory, by.replaceAll(' ', '-')),
        resources: { stock: mysql(pool), mirror: mysql(mirrored) },
      })
      const before = await n()
      let met: unknown
      const both = coordinator.transaction(
        ['stock', 'mirror'],
        async ({ stock, mirror }) => {
          await stock.query('update item set n = n + 1 where id = 1')
          // Caught and forgotten: the branch must not commit all the same.
          await mirror.query('update item set n = n + 1 where id = 1').catch((error: unknown) => {
            met = error
          })
        },
        { timeoutMs: by === 'its lock' ? 20_000 : 1_500 },
      )
      await assert.rejects(both, {
        code: by === 'its lock' ? 'ASSENT_ABORTED_BY_VOTE' : 'ASSENT_TIMED_OUT',
      })
      if (by === 'its lock') assert.equal(errnoOf(met), 1205)
      assert.deepEqual(await preparedIn(pool), [])
      assert.equal(await n(), before)
      // Nobody holds the row any more.
      await coordinator.transaction(['mirror'], async ({ mirror }) => {
        await mirror.query('update item set n = n + 1 where id = 1')
      })
      assert.equal(await n(), before + 1)
      await coordinator.close()
    })
  }

  test('MY-7 two names of one database have one fingerprint, by which they are told', async () => {
    const pools = [pool, servers.pool(url.replace('127.0.0.1', 'localhost'))]
    const named = await Promise.all(pools.map((each) => TestedParticipant.open(each)))
    const [first, second] = await Promise.all(named.map((each) => each.ready()))
    assert.equal(first, second)
    for (const each of named) await each.participant.close()
  })
})

function onConnection(pool: Pool, run: (connection: { query(text: string): void }) => void): void {
  const { pool: core } = pool as unknown as {
    pool: {
      on(event: 'connection', run: (connection: { query(text: string): void }) => void): void
    }
  }
  core.on('connection', run)
}
