/** Whether a database can keep the promise, and which database it is. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import { codeOf } from '../../../src/core/errors.ts'
import type { ResourceCheck } from '../../../src/participants/contract.ts'
import { databaseUrl, postgresSuite, roleUrl } from '../../harness/postgres.ts'
import { causeOf, done, TestedParticipant } from '../../harness/postgres-branches.ts'

function fingerprintOf(check: ResourceCheck): string {
  assert.ok(check.status === 'ready', JSON.stringify(check))
  return check.fingerprint
}

await postgresSuite('the check of a PostgreSQL database', (servers) => {
  const checkOf = async (...args: Parameters<typeof TestedParticipant.attach>) => {
    const { participant } = TestedParticipant.attach(...args)
    const found = await participant.check()
    await participant.close()
    return found
  }

  test('a server as it should be is ready, and tells its limit', async () => {
    const found = await checkOf(servers.pool((await servers.shared()).url))
    assert.match(fingerprintOf(found), /^postgresql\/\d+\/\d+$/)
    assert.equal((found as { preparedLimit?: number }).preparedLimit, 64)
  })

  test('PG-2 a server without prepared transactions is refused with the setting to change', async () => {
    const server = await servers.shared('variant')
    await server.restart({ max_prepared_transactions: 0 })
    const pool = servers.pool(server.url)
    assert.deepEqual(await checkOf(pool), {
      status: 'refused',
      problem: 'max_prepared_transactions is 0, so PostgreSQL can not prepare a transaction',
      cure:
        'Run ALTER SYSTEM SET max_prepared_transactions = 100 (as many as max_connections) and ' +
        'restart the server; or pass `lastResource: true`, for at most one such database in a ' +
        'transaction.',
    })
    const last = await TestedParticipant.open(pool, { lastResource: true })
    assert.equal(last.participant.canPrepare, false)
    const branch = await last.begin()
    await branch.client.query('create temp table mine as select 1')
    branch.seal()
    assert.deepEqual(await branch.branch.commitOnePhase(), { result: 'committed' })
    await last.participant.close()
  })

  test('PG-2 a vote without a free slot says which setting to raise', async () => {
    const server = await servers.shared('variant')
    await server.restart({ max_prepared_transactions: 1 })
    const pool = servers.pool(server.url)
    await pool.query('create table item (id int)')
    const tested = await TestedParticipant.open(pool)
    const { branch } = await tested.prepared('insert into item values (1)')
    const second = await tested.begin()
    await second.client.query('insert into item values (2)')
    assert.match(String(await second.refusedVote()), /raise max_prepared_transactions/)
    assert.deepEqual(await branch.branch.commit(), done)
    await tested.participant.close()
  })

  test('a server that runs without fsync is refused, unless that is accepted by name', async () => {
    const server = await servers.shared('variant')
    await server.restart({ fsync: 'off' })
    const pool = servers.pool(server.url)
    const found = await checkOf(pool)
    assert.equal(found.status, 'refused')
    assert.match((found as { problem: string }).problem, /^fsync is off/)
    fingerprintOf(await checkOf(pool, { allowUnsafe: ['fsync-off'] }))
  })

  test('a standby is unavailable until it is promoted', async () => {
    const server = await servers.shared('variant')
    await server.stop()
    await writeFile(join(server.directory, 'data', 'standby.signal'), '')
    await server.start()
    const pool = servers.pool(server.url)
    const found = await checkOf(pool)
    assert.equal(found.status, 'unavailable')
    assert.match(String(causeOf(found)), /is in recovery/)
    await pool.query('select pg_promote()')
    fingerprintOf(await checkOf(pool))
  })

  test('a server that is down is unavailable, and ready once it is up', async () => {
    const server = await servers.shared('variant')
    const tested = TestedParticipant.attach(servers.pool(server.url))
    await server.stop()
    const found = await tested.participant.check()
    assert.equal(found.status, 'unavailable')
    assert.equal(codeOf(causeOf(found)), 'ECONNREFUSED')
    await server.start()
    await tested.ready()
    await tested.participant.close()
  })

  test('a server that hangs is unavailable in bounded time', async () => {
    const server = await servers.shared('variant')
    const pool = servers.pool(server.url)
    const tested = await TestedParticipant.open(pool, { answerTimeoutMs: 500 })
    await server.suspend()
    for (let round = 0; round < 2; round += 1) {
      const found = await tested.participant.check()
      assert.equal(found.status, 'unavailable')
    }
    await server.resume()
    await tested.ready()
    await tested.participant.close()
  })

  test('PG-18 two names of one database have one fingerprint, other databases another', async () => {
    const server = await servers.shared()
    await servers.pool(server.url).query(`create role namesake login superuser password 'known'`)
    const other = await servers.database(server)
    const elsewhere = await servers.shared('variant')
    const same = fingerprintOf(await checkOf(servers.pool(server.url)))
    const renamed = roleUrl(server.url, 'namesake', 'known').replace('127.0.0.1', 'localhost')
    assert.equal(fingerprintOf(await checkOf(servers.pool(renamed))), same)
    const different = [other, elsewhere.url].map(async (url) =>
      fingerprintOf(await checkOf(servers.pool(url))),
    )
    assert.equal(new Set([same, ...(await Promise.all(different))]).size, 3)
    await server.restart()
    assert.equal(fingerprintOf(await checkOf(servers.pool(server.url))), same)
  })

  test('a role without special rights is enough', async () => {
    const server = await servers.shared()
    const admin = servers.pool(server.url)
    await admin.query(`create role plain login password 'known'`)
    await admin.query('grant create on schema public to plain')
    const pool = servers.pool(roleUrl(server.url, 'plain', 'known'))
    await pool.query('create table plain_item (id int)')
    const tested = await TestedParticipant.open(pool)
    const { branch, evidence } = await tested.prepared('insert into plain_item values (1)')
    assert.deepEqual(
      (await tested.participant.listPrepared?.())?.map(({ id }) => id),
      [branch.id],
    )
    const recovered = tested.participant.recover({ id: branch.id, evidence })
    assert.deepEqual(await recovered.commit(), done)
    assert.deepEqual(await recovered.commit(), done)
    await tested.participant.close()
  })

  test('a role that may not read the identity is refused with the grant that it needs', async () => {
    const server = await servers.shared('variant')
    const admin = servers.pool(server.url)
    await admin.query(`create role closed login password 'known'`)
    await admin.query('revoke execute on function pg_control_system() from public')
    const pool = servers.pool(roleUrl(server.url, 'closed', 'known'))
    const found = await checkOf(pool)
    assert.equal(found.status, 'refused')
    assert.match((found as { cure: string }).cure, /GRANT EXECUTE ON FUNCTION pg_control_system/)
    await admin.query('grant execute on function pg_control_system() to closed')
    fingerprintOf(await checkOf(pool))
  })

  test('connections of its own that reach another database, or with too little right, are refused', async () => {
    const server = await servers.shared()
    const pool = servers.pool(server.url)
    const elsewhere = servers.pool(await servers.database(server))
    const found = await checkOf(pool, { recovery: elsewhere })
    assert.equal(found.status, 'refused')
    assert.match((found as { problem: string }).problem, /the pool reaches .* `recovery` reaches/)
    await pool.query(`create role stranger login password 'known'`)
    const stranger = servers.pool(roleUrl(server.url, 'stranger', 'known'))
    const second = await checkOf(pool, { recovery: stranger })
    assert.match((second as { problem: string }).problem, /may not finish what the role postgres/)
    fingerprintOf(await checkOf(pool, { recovery: servers.pool(server.url) }))
  })

  test('connections of its own may come from a function', async () => {
    const { url } = await servers.shared()
    let opened = 0
    const recovery = async (): Promise<pg.Client> => {
      opened += 1
      const client = new pg.Client(url)
      await client.connect()
      return client
    }
    const bare = { connect: () => servers.pool(url).connect() }
    const tested = await TestedParticipant.open(bare, { recovery })
    assert.deepEqual(await tested.participant.listPrepared?.(), [])
    assert.equal(opened, 1)
    await tested.participant.close()
  })

  test('options that are wrong are refused before anything is connected', async () => {
    const pool = servers.pool(databaseUrl('postgres://nobody@127.0.0.1:1', 'none'))
    const wrong = { code: 'ASSENT_INVALID_OPTION' }
    const attach = (options: object) => () => TestedParticipant.attach(pool, options)
    assert.throws(attach({ recoveryConnections: 0 }), wrong)
    assert.throws(attach({ lastresource: true }), wrong)
    assert.throws(attach({ allowUnsafe: ['everything'] }), wrong)
    assert.throws(attach({ defaultIsolation: 'snapshot' }), wrong)
    const bare = { connect: () => pool.connect() }
    assert.throws(() => TestedParticipant.attach(bare), /pass `recovery`/)
    const { participant } = TestedParticipant.attach(pool)
    assert.throws(() => participant.attach({} as never), wrong)
  })
})
