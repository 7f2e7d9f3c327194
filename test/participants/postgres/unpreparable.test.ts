/** PG-4: what PostgreSQL can't prepare is refused where it shows, and else readable in the vote. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Pool, PoolClient } from 'pg'
import { codeOf } from '../../../src/core/errors.ts'
import { postgresSuite } from '../../harness/postgres.ts'
import { done, TestedParticipant } from '../../harness/postgres-branches.ts'

await postgresSuite('what PostgreSQL can not prepare', (servers) => {
  let pool: Pool
  let tested: TestedParticipant

  before(async () => {
    pool = servers.pool((await servers.shared()).url)
    await pool.query('create table item (id int primary key)')
    await pool.query('create table job (id int primary key)')
    await pool.query(`create function announce() returns trigger language plpgsql
      as $$ begin perform pg_notify('jobs', new.id::text); return new; end $$`)
    await pool.query(`create trigger job_added after insert on job
      for each row execute function announce()`)
    tested = await TestedParticipant.open(pool)
  })

  const visible = [
    'create temporary table mine (a int)',
    'select 1 as a into temp mine',
    'listen jobs',
    'notify jobs',
    `select pg_notify('jobs', 'x')`,
    'declare c cursor with hold for select 1',
    'select pg_export_snapshot()',
  ]

  for (const text of visible) {
    test(`PG-4 refuses before it is sent: ${text}`, async () => {
      const branch = await tested.begin()
      await branch.client.query('insert into item values (1)')
      await assert.rejects(branch.client.query(text), {
        code: 'ASSENT_STATEMENT_REFUSED',
        message: /can't prepare a transaction with/,
      })
      branch.seal()
      assert.equal((await branch.prepare()).vote, 'yes')
      assert.deepEqual(await branch.branch.rollback(), done)
    })
  }

  const hidden: readonly (readonly [what: string, body: string])[] = [
    ['a temporary table', 'create temp table hidden (a int)'],
    ['an exported snapshot', 'perform pg_export_snapshot()'],
    ['both kinds of one advisory lock', 'perform pg_advisory_lock(1), pg_advisory_xact_lock(1)'],
  ]

  for (const [what, body] of hidden) {
    test(`PG-4 the server's refusal is the cause of the no, when a function hides ${what}`, async () => {
      const branch = await tested.begin()
      await branch.client.query('insert into item values (1)')
      await branch.client.query(`do $$ begin ${body}; end $$`)
      const cause = await branch.refusedVote()
      assert.equal(codeOf(cause), '0A000')
      assert.match(String(cause), /cannot PREPARE/)
      await pool.query('select pg_advisory_unlock_all()')
    })
  }

  test('PG-4 names the table whose trigger notified', async () => {
    const branch = await tested.begin()
    await branch.client.query('insert into job values (1)')
    const cause = await branch.refusedVote()
    assert.match(
      String(cause),
      /NOTIFY: probably trigger job_added on table job \(function announce\); notify after/,
    )
    assert.equal((await pool.query('select from job')).rowCount, 0)
    assert.equal(pool.idleCount, pool.totalCount)
  })

  test('PG-4 a branch that is known to be the only one may notify', async () => {
    const listener = (await pool.connect()) as PoolClient
    const heard = new Promise((resolve) => listener.on('notification', resolve))
    await listener.query('listen jobs')
    const branch = await tested.begin({ onlyBranch: true })
    await branch.client.query(`notify jobs, 'direct'`)
    branch.seal()
    assert.deepEqual(await branch.branch.commitOnePhase(), { result: 'committed' })
    assert.equal(((await heard) as { payload: string }).payload, 'direct')
    listener.release(true)
  })
})
