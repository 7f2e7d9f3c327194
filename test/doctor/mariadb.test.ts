/** What the doctor finds at MariaDB servers that were made ill, and at one that is well. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BranchId } from '../../src/core/ids.ts'
import { mysql } from '../../src/mysql.ts'
import { xidOf } from '../../src/participants/mysql/xid.ts'
import { mariadbSuite } from '../harness/mariadb.ts'
import { assertFound, examineAll, ownLog } from './examination.ts'
import { ofMariadb, withPrepared } from './mariadb-table.ts'

await mariadbSuite('the doctor finds at a MariaDB server', (servers) => {
  test('nothing where all is well, and says what it saw', async () => {
    const url = await servers.database(await servers.shared())
    const { findings, resources } = await examineAll({ stock: mysql(servers.pool(url)) })
    assert.deepEqual(findings, [])
    const [{ product, status, prepared, clockAheadMs }] = resources as [(typeof resources)[0]]
    assert.match(product ?? '', /^(MariaDB|MySQL) \d+\./)
    assert.deepEqual({ status, prepared }, { status: 'ready', prepared: 0 })
    assert.ok(Math.abs(clockAheadMs ?? Number.NaN) < 1_000, `clock ${clockAheadMs}`)
  })

  for (const line of ofMariadb) {
    const skip = line.isOfServer ? servers.notOurs : false
    test(`${line.id} (${line.severity}): ${line.by}`, { skip }, async () => {
      assertFound(await line.provoke(servers), line)
    })
  }

  test('nothing in a branch of ours at another database of the server', async () => {
    const xidIn = (): string => xidOf(`assent.shop.${ownLog}.1.1.0` as BranchId, 'elsewhere')
    assert.deepEqual(await withPrepared(servers, xidIn, { ownAgeMs: 1, strangerAgeMs: 1 }), [])
  })

  test('one that hangs, in bounded time', { skip: servers.notOurs }, async () => {
    const server = await servers.start()
    await server.suspend()
    const { findings } = await examineAll(
      { stock: mysql(servers.pool(server.url)) },
      { limitMs: 500 },
    )
    await server.resume()
    assert.deepEqual(
      findings.map(({ id, found }) => ({ id, found })),
      [{ id: 'resource-unreachable', found: 'no answer within 500 ms' }],
    )
  })
})
