/** What the doctor finds at MariaDB servers that were made ill, and at one that is well. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BranchId } from '../../src/core/ids.ts'
import { mysql } from '../../src/mysql.ts'
import { xidOf } from '../../src/participants/mysql/xid.ts'
import { mariadbSuite } from '../harness/mariadb.ts'
import { until } from '../harness/until.ts'
import { assertFound, examineAll, ownLog } from './examination.ts'
import { branchOf, withBranches, withPrepared } from './mariadb-servers.ts'
import { ofMariadb } from './mariadb-table.ts'

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

  test('a branch that waits too long although its session lives', async () => {
    const living = { xidIn: branchOf(ownLog), isLiving: true, ageMs: 1_000 }
    const { findings } = await withBranches(servers, [living], { ownAgeMs: 999 })
    assert.deepEqual(
      findings.map(({ id }) => id),
      ['own-branch-waits'],
    )
  })

  test('nothing old in a young branch beside a session that is idle for long', async () => {
    const pool = servers.pool((await servers.shared()).url)
    const idle = await pool.getConnection()
    await idle.query('start transaction with consistent snapshot')
    const beganMs = Date.now()
    await until('it is idle for long', async () => Date.now() - beganMs > 3_000)
    const young = { xidIn: branchOf(ownLog), isLiving: true }
    const { findings } = await withBranches(servers, [young], { ownAgeMs: 2_500 })
    await idle.query('rollback')
    idle.release()
    assert.deepEqual(findings, [])
  })

  for (const zone of ['+05:00', '-05:00']) {
    const options = { skip: servers.notOurs }
    test(`the right clock and ages where default_time_zone is ${zone}`, options, async () => {
      const server = await servers.start({ settings: { default_time_zone: zone } })
      const branches = [{ xidIn: branchOf(ownLog), ageMs: 1_000 }]
      const young = await withBranches(servers, branches, { ownAgeMs: 600_000 }, server)
      assert.deepEqual(young.findings, [])
      const aheadMs = young.resources[0]?.clockAheadMs
      assert.ok(Math.abs(aheadMs ?? Number.NaN) < 1_000, `clock ${aheadMs}`)
      const { findings } = await withBranches(servers, branches, { ownAgeMs: 999 }, server)
      assert.match(findings[0]?.found ?? '', /^1 branch of ours .* is at least \d+ s old/)
    })
  }

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
