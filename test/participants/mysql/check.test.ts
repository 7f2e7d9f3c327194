/** Whether a database can keep the promise, and which database it is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import mysql, { type Connection } from 'mysql2/promise'
import { codeOf } from '../../../src/core/errors.ts'
import { mysql as participantOf } from '../../../src/mysql.ts'
import type { ResourceCheck } from '../../../src/participants/contract.ts'
import { accountUrl, administer, mariadbSuite } from '../../harness/mariadb.ts'
import { causeOf, done, rowsOf, TestedParticipant } from './tested.ts'

function fingerprintOf(check: ResourceCheck): string {
  assert.ok(check.status === 'ready', JSON.stringify(check))
  return check.fingerprint
}

await mariadbSuite('the check of a MySQL database', (servers) => {
  const checkOf = async (...args: Parameters<typeof TestedParticipant.attach>) => {
    const { participant } = TestedParticipant.attach(...args)
    const found = await participant.check()
    await participant.close()
    return found
  }
  const poolOf = async () => servers.pool((await servers.shared()).url)

  test('a server as it should be is ready', async () => {
    const found = await checkOf(await poolOf())
    assert.match(fingerprintOf(found), new RegExp(`^${servers.flavour}/.+/\\w+$`))
    assert.equal((found as { preparedLimit?: number }).preparedLimit, undefined)
  })

  test('a log that is not flushed, or a binary log that is not synced, is refused by name', {
    skip: servers.notOurs,
  }, async () => {
    const server = await servers.start({ settings: { log_bin: 'binlog', server_id: 1 } })
    const pool = servers.pool(server.url)
    const unsynced = await checkOf(pool)
    assert.equal(unsynced.status, 'refused')
    assert.match((unsynced as { problem: string }).problem, /sync_binlog is 0/)
    assert.match((unsynced as { cure: string }).cure, /SET GLOBAL sync_binlog = 1/)
    fingerprintOf(await checkOf(pool, { allowUnsafe: ['unsynced-binlog'] }))
    await administer(server.url, 'set global innodb_flush_log_at_trx_commit = 2')
    const unflushed = await checkOf(pool)
    assert.match((unflushed as { problem: string }).problem, /innodb_flush_log_at_trx_commit is 2/)
    const allowUnsafe = ['unsynced-binlog', 'unflushed-log'] as const
    fingerprintOf(await checkOf(pool, { allowUnsafe }))
    await administer(server.url, 'set global innodb_flush_log_at_trx_commit = 1')
    await administer(server.url, 'set global sync_binlog = 1')
    fingerprintOf(await checkOf(pool))
    // MY-10: with a binary log XA PREPARE is an event of its own; branches end there as elsewhere.
    await pool.query('create table item (id int primary key)')
    const tested = await TestedParticipant.open(pool)
    const { branch, evidence } = await tested.prepared('insert into item values (1)')
    assert.deepEqual(await branch.branch.commit(), done)
    assert.deepEqual(await tested.participant.recover({ id: branch.id, evidence }).commit(), done)
    const reader = await tested.prepared('select * from item')
    await administer(server.url, `kill ${String(reader.evidence).split('.')[1]}`)
    assert.deepEqual(await reader.branch.finished('commit'), done)
    await tested.participant.close()
  })

  test('a server that does not write its files to the disk is refused by name', {
    skip: servers.notOurs,
  }, async () => {
    const server = await servers.start({ settings: { innodb_flush_method: 'nosync' } })
    const pool = servers.pool(server.url)
    const found = await checkOf(pool)
    assert.equal(found.status, 'refused')
    assert.match((found as { problem: string }).problem, /innodb_flush_method is nosync/)
    assert.match((found as { cure: string }).cure, /allowUnsafe: \['unflushed-log'\]/)
    fingerprintOf(await checkOf(pool, { allowUnsafe: ['unflushed-log'] }))
  })

  test('a server that is read-only is unavailable until it may be written', {
    skip: servers.notOurs,
  }, async () => {
    const server = await servers.start({ settings: { read_only: 1 } })
    const pool = servers.pool(server.url)
    const found = await checkOf(pool)
    assert.equal(found.status, 'unavailable')
    assert.match(String(causeOf(found)), /read_only is on/)
    await administer(server.url, 'set global read_only = 0')
    fingerprintOf(await checkOf(pool))
  })

  test('a server that is down is unavailable, and ready once it is up', {
    skip: servers.notOurs,
  }, async () => {
    const server = await servers.start()
    const tested = TestedParticipant.attach(servers.pool(server.url))
    await server.stop()
    const found = await tested.participant.check()
    assert.equal(found.status, 'unavailable')
    assert.equal(codeOf(causeOf(found)), 'ECONNREFUSED')
    await server.start()
    const identity = await tested.ready()
    await server.restart()
    assert.equal(await tested.ready(), identity)
    await tested.participant.close()
  })

  test('two names of one database have one fingerprint, other databases another', async () => {
    const server = await servers.shared()
    const other = await servers.database(server)
    const elsewhere = await servers.shared('other')
    const found = await Promise.all(
      [server.url, server.url.replace('127.0.0.1', 'localhost'), other, elsewhere.url].map(
        async (url) => fingerprintOf(await checkOf(servers.pool(url))),
      ),
    )
    assert.equal(found[0], found[1])
    assert.equal(new Set(found).size, 3)
    const named = await checkOf(servers.pool(other), { serverIdentity: 'stock-1' })
    assert.match(fingerprintOf(named), /^\w+\/stock-1\/\w+$/)
  })

  test('an account without special rights is enough on MariaDB, and told its grant on MySQL', async () => {
    const server = await servers.shared()
    const url = await servers.database(server)
    const database = new URL(url).pathname.slice(1)
    const name = `plain_${process.pid}`
    await administer(
      server.url,
      `create user ${name}@'%' identified by 'known'`,
      `grant all on ${database}.* to ${name}@'%'`,
    )
    const pool = servers.pool(accountUrl(url, name, 'known'))
    if (servers.flavour === 'mysql') {
      const found = await checkOf(pool)
      assert.match((found as { cure: string }).cure, /GRANT XA_RECOVER_ADMIN ON \*\.\* TO/)
      return
    }
    await pool.query('create table item (id int primary key)')
    const tested = await TestedParticipant.open(pool)
    const { branch, evidence } = await tested.prepared('insert into item values (1)')
    const recovered = tested.participant.recover({ id: branch.id, evidence })
    assert.deepEqual(await recovered.commit(), done)
    assert.deepEqual(await recovered.commit(), done)
    await tested.participant.close()
  })

  test('connections of its own that reach another database, or with too little right, are refused', async () => {
    const server = await servers.shared()
    const pool = servers.pool(server.url)
    const elsewhere = servers.pool(await servers.database(server))
    const found = await checkOf(pool, { recovery: elsewhere })
    assert.equal(found.status, 'refused')
    assert.match((found as { problem: string }).problem, /the pool reaches .* `recovery` reaches/)
    const name = `stranger_${process.pid}`
    const database = new URL(server.url).pathname.slice(1)
    await administer(
      server.url,
      `create user ${name}@'%' identified by 'known'`,
      `grant all on ${database}.* to ${name}@'%'`,
    )
    const stranger = servers.pool(accountUrl(server.url, name, 'known'))
    const second = await checkOf(pool, { recovery: stranger })
    assert.match((second as { problem: string }).problem, /may not end sessions of the pool/)
    fingerprintOf(await checkOf(pool, { recovery: servers.pool(server.url) }))
    fingerprintOf(await checkOf(pool, { recovery: servers.callbackPool(server.url) }))
  })

  test('connections of its own may come from a function', async () => {
    const { url } = await servers.shared()
    let opened = 0
    const recovery = async (): Promise<Connection> => {
      opened += 1
      return await mysql.createConnection(url)
    }
    const pool = servers.pool(url)
    const bare = { getConnection: () => pool.getConnection() }
    const participant = participantOf(bare, { recovery })
    const tested = TestedParticipant.attach(pool, { recovery })
    assert.throws(() => participantOf(bare), /pass `recovery`/)
    await tested.ready()
    assert.deepEqual(await tested.participant.listPrepared?.(), [])
    assert.equal(opened, 1)
    assert.equal(participant.kind, 'mysql')
    await tested.participant.close()
  })

  test('a database that can not prepare takes part as the last resource', async () => {
    const pool = servers.pool(await servers.database(await servers.shared()))
    await pool.query('create table item (id int primary key)')
    await pool.query('create procedure ending() begin insert into item values (8); commit; end')
    const last = await TestedParticipant.open(pool, { lastResource: true })
    assert.equal(last.participant.canPrepare, false)
    const branch = await last.begin()
    await branch.client.query('insert into item values (1)')
    await branch.client.beginTransaction()
    await branch.client.query('insert into item values (2)')
    await branch.client.rollback()
    branch.seal()
    assert.deepEqual(await branch.branch.commitOnePhase(), { result: 'committed' })
    const dropped = await last.begin()
    await dropped.client.query('insert into item values (3)')
    await dropped.dropped()
    // Here the server commits what it is told to: its status tells of it, and the branch is doomed.
    const ended = await last.begin()
    await ended.client.query('insert into item values (4)')
    await assert.rejects(ended.client.query('create table other (id int)'), {
      code: 'ASSENT_STATEMENT_REFUSED',
    })
    await ended.client.query('call ending()')
    assert.match(String(ended.branch.doomed?.cause), /was ended by: call ending/)
    ended.seal()
    assert.equal((await ended.branch.commitOnePhase()).result, 'unknown')
    assert.deepEqual(await rowsOf(pool, 'select id from item'), [{ id: 1 }, { id: 4 }, { id: 8 }])
    await last.participant.close()
  })

  test('options that are wrong are refused before anything is connected', () => {
    const pool = servers.pool('mysql://nobody@127.0.0.1:1/none')
    const wrong = { code: 'ASSENT_INVALID_OPTION' }
    const attach = (options: object) => () => TestedParticipant.attach(pool, options)
    assert.throws(attach({ recoveryConnections: 0 }), wrong)
    assert.throws(attach({ lastresource: true }), wrong)
    assert.throws(attach({ allowUnsafe: ['everything'] }), wrong)
    assert.throws(attach({ defaultIsolation: 'snapshot' }), wrong)
    assert.throws(attach({ serverIdentity: 'a/b' }), wrong)
    const { participant } = TestedParticipant.attach(pool)
    assert.throws(() => participant.attach({} as never), wrong)
  })
})
