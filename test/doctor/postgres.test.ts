/** What the doctor finds at PostgreSQL servers that were made ill, and at one that is well. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postgres } from '../../src/postgres.ts'
import { postgresSuite } from '../harness/postgres.ts'
import { assertFound, examineAll, ownLog } from './examination.ts'
import { surveyOf, withPrepared } from './postgres-servers.ts'
import { ofResources, ofServers } from './postgres-table.ts'

await postgresSuite('the doctor finds at a PostgreSQL server', (servers) => {
  test('nothing where all is well, and says what it saw', async () => {
    const { url } = await servers.shared()
    const other = await servers.database(await servers.shared())
    const { findings, resources } = await examineAll({
      orders: postgres(servers.pool(url)),
      stock: postgres(servers.pool(other)),
    })
    assert.deepEqual(findings, [])
    for (const { product, status, prepared, clockAheadMs } of resources) {
      assert.match(product ?? '', /^PostgreSQL \d+/)
      assert.deepEqual({ status, prepared }, { status: 'ready', prepared: 0 })
      assert.ok(Math.abs(clockAheadMs ?? Number.NaN) < 1_000, `clock ${clockAheadMs}`)
    }
  })

  for (const line of [...ofServers, ...ofResources]) {
    test(`${line.id} (${line.severity}): ${line.by}`, async () => {
      assertFound(await line.provoke(servers), line)
    })
  }

  test('one room for the pools of two databases of a server', async () => {
    const server = await servers.shared('variant')
    await server.restart({ max_prepared_transactions: 7 })
    const { findings } = await examineAll({
      orders: postgres(servers.pool(server.url)),
      stock: postgres(servers.pool(await servers.database(server))),
    })
    const [found] = findings
    assert.equal(found?.id, 'prepared-slots-few')
    assert.match(found?.found ?? '', /room for 7 .* the pools of orders and stock can prepare 8$/)
  })

  test('the need of every process that holds a slot of the log', async () => {
    const server = await servers.shared('variant')
    await server.restart({ max_prepared_transactions: 7 })
    const orders = postgres(servers.pool(server.url))
    const { findings } = await examineAll({ orders }, { survey: surveyOf(2) })
    assert.match(findings[0]?.found ?? '', /room for 7 .* the pool of 2 processes can prepare 8$/)
    assert.match(findings[0]?.command ?? '', /max_prepared_transactions = 8;/)
  })

  test('another installation of our name by its sessions alone', async () => {
    const url = await servers.database(await servers.shared())
    const idle = await servers
      .pool(url, { application_name: 'assent.shop.yyyyyyyyyyyyy' })
      .connect()
    const { findings } = await examineAll({ orders: postgres(servers.pool(url)) })
    idle.release()
    assert.deepEqual(
      findings.map(({ id, found }) => ({ id, found })),
      [
        {
          id: 'another-installation',
          found: "'shop' is at work here with yyyyyyyyyyyyy, a log not ours: a session is open",
        },
      ],
    )
  })

  test('one that hangs, in bounded time, and goes on with the rest', async () => {
    const server = await servers.shared('variant')
    const { url } = await servers.shared()
    await server.suspend()
    const { findings, resources } = await examineAll(
      { orders: postgres(servers.pool(server.url)), stock: postgres(servers.pool(url)) },
      { limitMs: 500 },
    )
    await server.resume()
    assert.deepEqual(
      findings.map(({ id, resource, found }) => ({ id, resource, found })),
      [{ id: 'resource-unreachable', resource: 'orders', found: 'no answer within 500 ms' }],
    )
    assert.deepEqual(
      resources.map(({ status }) => status),
      ['unavailable', 'ready'],
    )
  })

  test('nothing in what is prepared and young, whosever it is', async () => {
    const gids = [`assent.shop.${ownLog}.1.3.0`, `assent.mail.${ownLog}.1.3.0`, 'nightly']
    assert.deepEqual(await withPrepared(servers, gids, {}), [])
  })
})
