/** The server is killed, or hangs, at the points that matter. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pool } from 'pg'
import type { PostgresOptions } from '../../../src/postgres.ts'
import { type PostgresServer, postgresSuite } from '../../harness/postgres.ts'
import { causeOf, done, TestedParticipant } from '../../harness/postgres-branches.ts'
import { preparedIn, until } from '../../harness/postgres-conditions.ts'

await postgresSuite('a PostgreSQL server that crashes or hangs', (servers) => {
  const insert = 'insert into item default values'

  const start = async (options: PostgresOptions = {}) => {
    const server: PostgresServer = await servers.shared()
    const pool: Pool = servers.pool(server.url)
    await pool.query('drop table if exists item')
    await pool.query('create table item (id serial primary key)')
    const tested = await TestedParticipant.open(pool, options)
    const count = async (): Promise<number> =>
      (await pool.query('select count(*)::int as count from item')).rows[0].count
    return { server, pool, tested, count }
  }

  test('killed between prepare and commit: the branch survives and is committed', async () => {
    const { server, pool, tested, count } = await start()
    const kept = await tested.prepared(insert)
    const recovered = await tested.prepared(insert)
    const unwanted = await tested.prepared(insert)
    await server.kill()
    const answer = await kept.branch.branch.commit()
    assert.equal(answer.result, 'unknown')
    await server.restart()
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

  test('killed during the work: the branch votes no, and the process lives', async () => {
    const { server, tested, count } = await start()
    const idle = await tested.begin()
    await idle.client.query(insert)
    const busy = await tested.begin()
    const sleeping = busy.client.query('select pg_sleep(60)')
    const seen = assert.rejects(sleeping)
    await server.restart()
    await seen
    await idle.refusedVote()
    await busy.refusedVote()
    for (const branch of [idle, busy]) assert.deepEqual(await branch.branch.rollback(), done)
    assert.equal(await count(), 0)
    await tested.participant.close()
  })

  test('killed while it prepares: the vote is unknown, and the rollback finds what there is', async () => {
    const { server, pool, tested, count } = await start()
    const branch = await tested.sealed(insert)
    await server.suspend()
    const voting = branch.prepare()
    await server.restart()
    assert.equal((await voting).vote, 'unknown')
    assert.deepEqual(await branch.finished('rollback'), done)
    assert.deepEqual(await preparedIn(pool), [])
    assert.equal(await count(), 0)
    await tested.participant.close()
  })

  test('killed during a one-phase commit: nobody guesses how it ended', async () => {
    const { server, tested } = await start()
    const branch = await tested.sealed(insert)
    await server.suspend()
    const committing = branch.branch.commitOnePhase()
    await server.restart()
    assert.equal((await committing).result, 'unknown')
    const answer = await branch.branch.rollback()
    assert.equal((answer as { kind?: string }).kind, 'hazard')
    await tested.participant.close()
  })

  test('hanging in phase 2: a later call takes over, and the hanging one ends', async () => {
    const { server, pool, tested, count } = await start()
    const { branch } = await tested.prepared(insert)
    await server.suspend()
    const first = branch.branch.commit()
    const second = branch.branch.commit()
    assert.equal((await first).result, 'unknown')
    assert.equal(pool.totalCount, 0)
    await server.resume()
    const answer = await second
    assert.ok(answer.result === 'done' || answer.result === 'unknown')
    assert.deepEqual(await branch.finished('commit'), done)
    assert.equal(await count(), 1)
    await tested.participant.close()
  })

  test('hanging: every call ends in bounded time', async () => {
    const { server, tested } = await start({ answerTimeoutMs: 700 })
    const prepared = await tested.prepared(insert)
    const open = await tested.sealed(insert)
    const reading = await tested.sealed('select * from item')
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
    // What only read has nothing to lose.
    assert.equal((await reading.prepare()).vote, 'no')
    await server.resume()
    assert.deepEqual(await prepared.branch.finished('commit'), done)
    await tested.participant.close()
  })

  test('a branch given up under a running statement lets go of its locks', async () => {
    const { pool, tested } = await start()
    await pool.query(insert)
    const branch = await tested.begin()
    await branch.client.query('update item set id = -1')
    const sleeping = branch.client.query('select pg_sleep(60)')
    branch.seal()
    assert.deepEqual(await branch.branch.rollback(), done)
    await assert.rejects(sleeping)
    assert.equal((await pool.query('update item set id = -2')).rowCount, 1)
    await tested.participant.close()
  })

  test('a prepared branch whose decision does not come gives its connection back', async () => {
    const { pool, tested } = await start({ answerTimeoutMs: 1_000 })
    const { branch } = await tested.prepared(insert)
    assert.equal(pool.idleCount, 0)
    await until('the connection is back', () => pool.idleCount === 1)
    assert.deepEqual(await preparedIn(pool), [branch.id])
    assert.deepEqual(await branch.branch.commit(), done)
    await tested.participant.close()
    const answer = await branch.branch.commit()
    assert.deepEqual(answer, done)
    assert.equal(causeOf(answer), undefined)
  })

  test('a participant that is closed makes no more connections', async () => {
    const { tested } = await start()
    const { branch, evidence } = await tested.prepared(insert)
    await tested.participant.close()
    const answer = await tested.participant.recover({ id: branch.id, evidence }).commit()
    assert.equal(answer.result, 'unknown')
    assert.match(String(causeOf(answer)), /closed/)
    assert.deepEqual(await branch.branch.commit(), done)
  })
})
