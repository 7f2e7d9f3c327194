/** The server is killed, or hangs, at the points that matter. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import mysql, { type Pool } from 'mysql2/promise'
import type { MysqlOptions } from '../../../src/mysql.ts'
import { administer, type MariadbServer, mariadbSuite } from '../../harness/mariadb.ts'
import { until } from '../../harness/until.ts'
import {
  causeOf,
  changed,
  done,
  globalOf,
  idleIn,
  numberOf,
  preparedIn,
  rowsOf,
  TestedParticipant,
  totalIn,
} from './tested.ts'

const run = promisify(execFile)

await mariadbSuite('a MariaDB server that crashes or hangs', (servers) => {
  const skip = servers.notOurs
  const insert = 'insert into item values ()'
  let server: MariadbServer | undefined

  const start = async (options: MysqlOptions = {}) => {
    server ??= await servers.start()
    const pool: Pool = servers.pool(server.url)
    await pool.query('create or replace table item (id int primary key auto_increment)')
    const tested = await TestedParticipant.open(pool, options)
    const count = (): Promise<number> => numberOf(pool, 'select count(*) from item')
    return { server, pool, tested, count }
  }

  test('killed between prepare and commit: the branch survives and is committed', {
    skip,
  }, async () => {
    const { server, pool, tested, count } = await start()
    const kept = await tested.prepared(insert)
    const recovered = await tested.prepared(insert)
    const unwanted = await tested.prepared(insert)
    await server.kill()
    const answer = await kept.branch.branch.commit()
    assert.equal(answer.result, 'unknown')
    await server.start()
    assert.equal((await preparedIn(pool)).length, 3)
    assert.deepEqual(await kept.branch.finished('commit'), done)
    // As another process does it, that has the id and the evidence from the log.
    const other = await TestedParticipant.open(pool)
    const { id } = recovered.branch
    const finishable = other.participant.recover({ id, evidence: recovered.evidence })
    assert.deepEqual(await finishable.commit(), done)
    assert.deepEqual(await finishable.commit(), done)
    assert.deepEqual(await recovered.branch.finished('commit'), done)
    assert.deepEqual(await unwanted.branch.finished('rollback'), done)
    assert.deepEqual(await preparedIn(pool), [])
    assert.equal(await count(), 2)
    await other.participant.close()
    await tested.participant.close()
  })

  test('MY-10 killed between prepare and commit with a binary log: recovered and committed', {
    skip,
  }, async () => {
    const server = await servers.start({
      settings: { log_bin: 'binlog', server_id: 1, sync_binlog: 1 },
    })
    const pool = servers.pool(server.url)
    await pool.query('create table item (id int primary key auto_increment)')
    // Not the file that a restart would begin: what is read below is what was there at the kill.
    const [status] = await rowsOf(pool, 'show master status')
    const tested = await TestedParticipant.open(pool)
    const kept = await tested.prepared(insert)
    const recovered = await tested.prepared(insert)
    const unwanted = await tested.prepared(insert)
    await server.kill()
    assert.equal((await kept.branch.branch.commit()).result, 'unknown')
    await server.start()
    assert.equal((await preparedIn(pool)).length, 3)
    const events = await rowsOf(pool, `show binlog events in '${String(status?.File)}'`)
    const prepares = events.filter((event) => event.Event_type === 'XA_prepare')
    assert.equal(prepares.length, 3, JSON.stringify(events))
    const other = await TestedParticipant.open(pool)
    const { id } = recovered.branch
    const finishable = other.participant.recover({ id, evidence: recovered.evidence })
    assert.deepEqual(await finishable.commit(), done)
    assert.deepEqual(await finishable.commit(), done)
    assert.deepEqual(await kept.branch.finished('commit'), done)
    assert.deepEqual(await unwanted.branch.finished('rollback'), done)
    assert.deepEqual(await preparedIn(pool), [])
    // Once more: what was acknowledged is there, and nothing is prepared again.
    await server.kill()
    await server.start()
    assert.equal(await numberOf(pool, 'select count(*) from item'), 2)
    await other.participant.close()
    await tested.participant.close()
  })

  test('MY-3 killed between prepare and commit of a branch that only read: it is done', {
    skip,
  }, async () => {
    const { server, pool, tested } = await start()
    const { branch } = await tested.prepared('select * from item')
    await server.restart()
    assert.deepEqual(await branch.finished('commit'), done)
    assert.deepEqual(await preparedIn(pool), [])
    await tested.participant.close()
  })

  test('killed during the work: the branch votes no, and the process lives', { skip }, async () => {
    const { server, tested, count } = await start()
    const idle = await tested.begin()
    await idle.client.query(insert)
    const busy = await tested.begin()
    const sleeping = busy.client.query('select sleep(60)')
    const seen = assert.rejects(sleeping)
    await server.kill()
    await server.start()
    await seen
    await idle.refusedVote()
    await busy.refusedVote()
    for (const branch of [idle, busy]) assert.deepEqual(await branch.branch.rollback(), done)
    assert.equal(await count(), 0)
    await tested.participant.close()
  })

  test('killed while it prepares: the vote is unknown, and the rollback finds what there is', {
    skip,
  }, async () => {
    const { server, pool, tested, count } = await start()
    const branch = await tested.sealed(insert)
    await server.suspend()
    const voting = branch.prepare()
    await server.kill()
    await server.start()
    assert.equal((await voting).vote, 'unknown')
    assert.deepEqual(await branch.finished('rollback'), done)
    assert.deepEqual(await preparedIn(pool), [])
    assert.equal(await count(), 0)
    await tested.participant.close()
  })

  test('killed during a one-phase commit: nobody guesses how it ended', { skip }, async () => {
    const { server, tested } = await start()
    const branch = await tested.sealed(insert)
    await server.suspend()
    const committing = branch.branch.commitOnePhase()
    await server.kill()
    await server.start()
    assert.equal((await committing).result, 'unknown')
    const answer = await branch.branch.rollback()
    assert.equal((answer as { kind?: string }).kind, 'hazard')
    await tested.participant.close()
  })

  test('hanging in phase 2: a later call takes over, and the hanging one ends', {
    skip,
  }, async () => {
    const { server, pool, tested, count } = await start()
    const { branch } = await tested.prepared(insert)
    await server.suspend()
    const first = branch.branch.commit()
    const second = branch.branch.commit()
    assert.equal((await first).result, 'unknown')
    assert.equal(totalIn(pool), 0)
    await server.resume()
    const answer = await second
    assert.ok(answer.result === 'done' || answer.result === 'unknown')
    assert.deepEqual(await branch.finished('commit'), done)
    assert.equal(await count(), 1)
    await tested.participant.close()
  })

  test('hanging: every call ends in bounded time', { skip }, async () => {
    const { server, tested } = await start({ answerTimeoutMs: 700 })
    const prepared = await tested.prepared(insert)
    const open = await tested.sealed(insert)
    const reading = await tested.sealed()
    await server.suspend()
    const { id } = prepared.branch
    const recovered = tested.participant.recover({ id, evidence: prepared.evidence })
    const [begun, listed, committed, rolledBack, again] = await Promise.allSettled([
      tested.begin({ timeLeftMs: 300 }),
      tested.participant.listPrepared?.(),
      prepared.branch.branch.commit(),
      open.branch.rollback(),
      recovered.commit(),
    ])
    assert.equal(begun.status, 'rejected')
    assert.equal(listed.status, 'rejected')
    assert.equal((committed as { value: { result: string } }).value.result, 'unknown')
    assert.deepEqual((rolledBack as { value: object }).value, done)
    assert.equal((again as { value: { result: string } }).value.result, 'unknown')
    // What did nothing has nothing to lose.
    assert.deepEqual(await reading.prepare(), { vote: 'read-only', ended: true })
    assert.deepEqual(await reading.branch.commit(), done)
    await server.resume()
    assert.deepEqual(await prepared.branch.finished('commit'), done)
    await tested.participant.close()
  })

  test('a branch given up under a running statement lets go of its locks', { skip }, async () => {
    const { pool, tested } = await start()
    await pool.query(insert)
    const branch = await tested.begin()
    await branch.client.query('update item set id = 100')
    const sleeping = branch.client.query('select sleep(60)')
    branch.seal()
    const seen = assert.rejects(sleeping)
    assert.deepEqual(await branch.branch.rollback(), done)
    await seen
    assert.equal(await changed(pool, 'update item set id = 101'), 1)
    await tested.participant.close()
  })

  test('put back to a state before the vote: nobody takes the branch for committed', {
    skip,
  }, async () => {
    const { server, pool, tested } = await start()
    const data = join(server.directory, 'data')
    await server.stop()
    // With its owner, who is not us where tests run as root.
    await run('cp', ['-a', data, `${data}.copy`])
    await server.start()
    const much = 'insert into item select null from seq_1_to_50000'
    await until('the server is back', () => tested.ready().then(() => true))
    await pool.query(much)
    await tested.ready()
    const { branch, evidence } = await tested.prepared(insert)
    await server.kill()
    await rm(data, { recursive: true })
    await rename(`${data}.copy`, data)
    await server.start()
    const answer = await branch.finished('commit')
    assert.equal((answer as { kind?: string }).kind, 'hazard')
    assert.match(String((answer as { detail?: string }).detail), /put back to an earlier state/)
    assert.deepEqual(await tested.participant.recover({ id: branch.id, evidence }).rollback(), done)
    await tested.participant.close()
  })

  test('MY-2 a prepared branch whose decision does not come is let go by its connection', {
    skip,
  }, async () => {
    const { pool, tested } = await start({ answerTimeoutMs: 1_000 })
    const { branch } = await tested.prepared(insert)
    assert.equal(idleIn(pool), 0)
    // While its session lives nobody else could finish it: it is closed, and not given back.
    await until('the connection is closed', () => totalIn(pool) === 0)
    assert.deepEqual(await preparedIn(pool), [globalOf(branch.id)])
    assert.deepEqual(await branch.finished('commit'), done)
    await tested.participant.close()
    assert.deepEqual(await branch.branch.commit(), done)
  })

  const commitsUnderWay = [
    { where: 'in the session that prepared', isDetached: false },
    { where: 'over a connection of another process', isDetached: true },
  ]
  for (const { where, isDetached } of commitsUnderWay) {
    test(`MY-2 a commit that is under way ${where} is not taken for one that is done`, {
      skip,
    }, async () => {
      const { server, pool, tested, count } = await start({ answerTimeoutMs: 2_000 })
      const other = await TestedParticipant.open(pool)
      const again = await TestedParticipant.open(pool, { answerTimeoutMs: 1_000 })
      const { branch, evidence } = await tested.prepared(insert)
      const { id } = branch
      if (isDetached) {
        await administer(server.url, `kill ${String(evidence).split('.')[1]}`)
        await until('the session is gone', () => idleIn(pool) === totalIn(pool))
      }
      const backup = await mysql.createConnection(server.url)
      await backup.query('flush tables with read lock')
      const first = isDetached
        ? other.participant.recover({ id, evidence }).commit()
        : branch.branch.commit()
      const frozen = `select count(*) from information_schema.processlist
        where info like 'xa commit%' and state like '%lock%'`
      await until('the commit waits', async () => (await numberOf(backup, frozen)) > 0)
      const recovered = again.participant.recover({ id, evidence })
      assert.equal((await recovered.commit()).result, 'unknown')
      assert.equal((await recovered.commit()).result, 'unknown')
      assert.equal(await count(), 0)
      await backup.query('unlock tables')
      await first
      let answer = await recovered.commit()
      await until('it is done', async () => {
        if (answer.result === 'unknown') answer = await recovered.commit()
        return answer.result !== 'unknown'
      })
      assert.deepEqual(answer, done)
      assert.equal(await count(), 1)
      await backup.end()
      for (const each of [tested, other, again]) await each.participant.close()
    })
  }

  test('a participant that is closed makes no more connections', { skip }, async () => {
    const { tested } = await start()
    const { branch, evidence } = await tested.prepared(insert)
    await tested.participant.close()
    const answer = await tested.participant.recover({ id: branch.id, evidence }).commit()
    assert.equal(answer.result, 'unknown')
    assert.match(String(causeOf(answer)), /closed/)
    assert.deepEqual(await branch.branch.commit(), done)
  })
})
