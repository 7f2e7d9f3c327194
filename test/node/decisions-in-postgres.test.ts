import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isAssentError } from '../../src/core/errors.ts'
import { openCoordinator } from '../../src/index.ts'
import { postgres } from '../../src/postgres.ts'
import { postgresSuite } from '../harness/postgres.ts'

await postgresSuite('a coordinator that keeps its decisions in PostgreSQL', (servers) => {
  async function databases() {
    const server = await servers.shared()
    const urls = [await servers.database(server), await servers.database(server)]
    const [orders, stock] = urls.map((url) => servers.pool(url))
    assert.ok(orders && stock)
    for (const pool of [orders, stock]) await pool.query('create table kept (row text)')
    return { orders, stock }
  }

  async function rowsOf(pool: { query(text: string): Promise<{ rows: unknown[] }> }) {
    return (await pool.query('select row from kept order by row')).rows.length
  }

  test('commits with the row in its branch, goes on after a restart, and leaves nothing', async () => {
    const { orders, stock } = await databases()
    const open = () =>
      openCoordinator({
        name: 'shop',
        decisions: { in: 'orders', create: true },
        resources: { orders: postgres(orders), stock: postgres(stock) },
      })
    for (let opening = 1; opening <= 2; opening += 1) {
      const coordinator = await open()
      const { protocol, settled, id } = await coordinator.transact(
        ['orders', 'stock'],
        async (clients) => {
          await clients.orders.query("insert into kept values ('one')")
          await clients.stock.query("insert into kept values ('one')")
        },
      )
      assert.deepEqual([protocol, settled], ['decision-in-participant', true])
      assert.match(id ?? '', new RegExp(String.raw`\.${opening}\.1$`))
      assert.equal(await coordinator.outcome(id ?? ''), 'committed')
      const { findings } = await coordinator.doctor()
      assert.deepEqual(
        findings.filter(({ id: found }) => found === 'another-installation'),
        [],
      )
      const report = await coordinator.close()
      assert.deepEqual(report, { undelivered: [], held: [], clean: true })
      assert.deepEqual([await rowsOf(orders), await rowsOf(stock)], [opening, opening])
    }
  })

  test('without its tables it is refused, with the statements that make them', async () => {
    const { orders, stock } = await databases()
    const resources = { orders: postgres(orders), stock: postgres(stock) }
    const opening = openCoordinator({ name: 'shop', decisions: { in: 'orders' }, resources })
    await assert.rejects(opening, (error) => {
      assert.ok(isAssentError(error))
      assert.match(error.message, /create table/i)
      return true
    })
  })
})
