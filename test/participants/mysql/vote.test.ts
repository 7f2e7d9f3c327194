/** Votes: when a yes is proved, when a no is, and what a person reads of it. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Pool } from 'mysql2/promise'
import { nextIds } from '../../harness/branch-ids.ts'
import { mariadbSuite } from '../../harness/mariadb.ts'
import {
  allIdle,
  causeOf,
  changed,
  done,
  errnoOf,
  globalOf,
  numberOf,
  preparedIn,
  TestedParticipant,
} from './tested.ts'

await mariadbSuite('votes of a MySQL branch', (servers) => {
  let pool: Pool
  let tested: TestedParticipant

  before(async () => {
    pool = servers.pool(await servers.database(await servers.shared()))
    await pool.query('create table item (id int primary key, count int) engine = InnoDB')
    await pool.query('create table plain (id int) engine = MyISAM')
    await pool.query('insert into item values (0, 0), (-1, 0)')
    tested = await TestedParticipant.open(pool)
  })

  const count = (where: string): Promise<number> =>
    numberOf(pool, `select count(*) from item where ${where}`)

  test('a yes is the answer to XA PREPARE, with evidence of what it did and where', async () => {
    const { branch, evidence } = await tested.prepared('insert into item values (1, 1)')
    assert.match(String(evidence), /^w\.\d+\.\d+\.\d*$/)
    assert.deepEqual(await preparedIn(pool), [globalOf(branch.id)])
    assert.equal(await count('id = 1'), 0)
    assert.deepEqual(await branch.branch.commit(), done)
    assert.deepEqual(await preparedIn(pool), [])
    assert.equal(await count('id = 1'), 1)
    assert.deepEqual(await branch.branch.commit(), done)
    await allIdle(pool)
  })

  test('a branch without any statement votes read-only', async () => {
    const branch = await tested.sealed()
    // Where XA START waits for the work there is nothing to end.
    const ended = servers.flavour === 'mariadb'
    assert.deepEqual(await branch.prepare(), { vote: 'read-only', ended })
    assert.deepEqual(await branch.branch.commit(), done)
    await allIdle(pool)
  })

  test('a branch that the server holds to reading votes read-only, and ends in phase 2', async () => {
    for (const decision of ['commit', 'rollback'] as const) {
      const branch = await tested.begin({ readOnly: true })
      await branch.client.query('select * from item')
      branch.seal()
      assert.deepEqual(await branch.prepare(), { vote: 'read-only', ended: false })
      assert.deepEqual(await branch.branch[decision](), done)
    }
    const writer = await tested.begin({ readOnly: true })
    await assert.rejects(writer.client.query('delete from item'), { errno: 1792 })
    assert.equal(errnoOf(await writer.refusedVote()), 1792)
  })

  test('a SELECT may write by a function, so it is prepared', async () => {
    await pool.query(`create function add_item(id int) returns int modifies sql data
      begin insert into item values (id, 0); return 1; end`)
    const { branch } = await tested.prepared('select add_item(5)')
    assert.deepEqual(await branch.branch.commit(), done)
    assert.equal(await count('id = 5'), 1)
  })

  test('MY-4 a failed statement marks the branch rollback-only, though the server goes on', async () => {
    const branch = await tested.begin()
    await branch.client.query('insert into item values (2, 2)')
    await assert.rejects(branch.client.query('insert into item values (0, 0)'), { errno: 1062 })
    await assert.rejects(branch.client.query('select 1'), { code: 'ASSENT_TRANSACTION_DOOMED' })
    assert.equal(errnoOf(branch.branch.doomed?.cause), 1062)
    assert.equal(errnoOf(await branch.refusedVote()), 1062)
    assert.equal(await count('id = 2'), 0)
    await allIdle(pool)
  })

  test('MY-4 a lock wait that timed out marks the branch rollback-only', async () => {
    const holder = await tested.begin()
    await holder.client.query('update item set count = 1 where id = 0')
    const branch = await tested.begin({ timeLeftMs: 1_000 })
    await branch.client.query('insert into item values (3, 3)')
    await assert.rejects(branch.client.query('update item set count = 2 where id = 0'))
    const cause = errnoOf(await branch.refusedVote())
    // Of the lock, or of the statement that waits for it: both have the time that is left.
    assert.ok(cause === 1205 || cause === 1969 || cause === 3024, String(cause))
    assert.equal(await count('id = 3'), 0)
    await holder.dropped()
  })

  test('MY-4 returning to a savepoint heals what failed after it', async () => {
    const branch = await tested.begin()
    await branch.client.query('begin')
    await assert.rejects(branch.client.query('insert into item values (0, 0)'))
    await branch.client.query('rollback')
    await branch.client.query('savepoint Mine')
    await assert.rejects(branch.client.query('insert into item values (0, 0)'))
    await branch.client.query('rollback to `MINE`')
    await branch.client.query('insert into item values (9, 9)')
    branch.seal()
    assert.equal((await branch.prepare()).vote, 'yes')
    assert.deepEqual(await branch.branch.rollback(), done)
  })

  test('MY-5 a deadlock dooms its victim, savepoints or not, and says so to who may retry', async () => {
    const [one, other] = await Promise.all([tested.begin(), tested.begin()])
    await one.client.query('update item set count = 1 where id = 0')
    // The one that has changed more is spared.
    await one.client.query('insert into item values (40, 0), (41, 0), (42, 0)')
    await other.client.query('savepoint mine')
    await other.client.query('update item set count = 1 where id = -1')
    const waiting = one.client.query('update item set count = 2 where id = -1')
    await assert.rejects(other.client.query('update item set count = 2 where id = 0'), {
      errno: 1213,
    })
    await waiting
    assert.equal(errnoOf(other.branch.doomed?.cause), 1213)
    assert.equal(errnoOf(await other.refusedVote()), 1213)
    assert.deepEqual(await other.branch.rollback(), done)
    await one.dropped()
    // Rolled back and proved to be, their connections are as good as any.
    await allIdle(pool)
  })

  test('MY-6 ids fit an XA id, and one that is taken is refused', async () => {
    const ids = nextIds()
    const first = await tested.begin(ids)
    await first.client.query('insert into item values (50, 0)')
    const second = async (): Promise<unknown> =>
      (await tested.begin(ids)).client.query('insert into item values (51, 0)')
    await assert.rejects(second(), { errno: 1440 })
    await first.dropped()
    assert.equal(await count('id in (50, 51)'), 0)
  })

  test('MY-8 a branch that wrote where there are no transactions votes no, and is told why', {
    skip: servers.flavour === 'mysql' && 'MySQL tells only when it rolls back',
  }, async () => {
    const branch = await tested.sealed(
      'insert into item values (60, 0)',
      'insert into plain values (1)',
    )
    const vote = await branch.prepare()
    assert.equal(vote.vote, 'no')
    assert.match(String(causeOf(vote)), /engine has no transactions \(not InnoDB\)/)
    assert.deepEqual(await preparedIn(pool), [])
    assert.equal(await count('id = 60'), 0)
    assert.equal(await numberOf(pool, 'select count(*) from plain'), 1)
  })

  test('MY-8 what such a branch leaves behind when it is rolled back is reported', async () => {
    const branch = await tested.sealed('insert into plain values (2)')
    const answer = await branch.branch.rollback()
    assert.equal(answer.result, 'heuristic')
    assert.match(String((answer as { detail?: string }).detail), /can not be rolled back/)
  })

  test('MY-8 a warning of another kind is none', async () => {
    const { branch } = await tested.prepared(
      'insert into item values (61, 0)',
      `select cast('x' as signed)`,
    )
    assert.deepEqual(await branch.branch.rollback(), done)
  })

  test('one phase commits, or says why it did not', async () => {
    const good = await tested.sealed('insert into item values (30, 0)')
    assert.deepEqual(await good.branch.commitOnePhase(), { result: 'committed' })
    assert.equal(await count('id = 30'), 1)
    const bad = await tested.begin()
    await bad.client.query('insert into item values (31, 0)')
    await assert.rejects(bad.client.query('insert into item values (31, 0)'))
    bad.seal()
    const ended = await bad.branch.commitOnePhase()
    assert.equal(ended.result, 'aborted')
    assert.equal(errnoOf(causeOf(ended)), 1062)
    assert.equal(await count('id = 31'), 0)
    await allIdle(pool)
  })

  test('rolls back what was begun and not voted on', async () => {
    const branch = await tested.begin()
    await branch.client.query('insert into item values (32, 0)')
    await branch.dropped()
    assert.deepEqual(await branch.branch.rollback(), done)
    assert.equal(await count('id = 32'), 0)
    await allIdle(pool)
    assert.equal(await changed(pool, 'delete from item where id = 30'), 1)
  })
})
