/**
 * A database that takes part as the last resource runs a plain transaction, in which the server lets
 * everything pass: whoever ends it unseen must not be taken for a branch that did as it was told.
 */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Pool } from 'mysql2/promise'
import { mariadbSuite } from '../../harness/mariadb.ts'
import {
  allIdle,
  causeOf,
  done,
  errnoOf,
  numberOf,
  type TestedBranch,
  TestedParticipant,
} from './tested.ts'

await mariadbSuite('a MySQL branch as the last resource', (servers) => {
  let pool: Pool
  let last: TestedParticipant

  before(async () => {
    pool = servers.pool(await servers.database(await servers.shared()))
    await pool.query('create table item (id int primary key auto_increment, n int default 0)')
    await pool.query('create procedure again() begin commit; start transaction; end')
    await pool.query('create procedure anew() begin rollback; start transaction; end')
    last = await TestedParticipant.open(pool, { lastResource: true })
  })

  const count = (): Promise<number> => numberOf(pool, 'select count(*) from item')

  const hiddenEnds = [
    { text: 'call again()', kept: 1 },
    { text: 'call anew()', kept: 0 },
    {
      text: 'begin not atomic create or replace table hidden(id int); start transaction; end',
      kept: 1,
    },
    { text: `execute immediate 'truncate nosuch'`, kept: 1, errno: 1146 },
  ]

  const endedUnseen = async (text: string, errno: number | undefined): Promise<TestedBranch> => {
    const branch = await last.begin()
    await branch.client.query('insert into item values ()')
    const sent = branch.client.query(text)
    if (errno === undefined) await sent
    else await assert.rejects(sent, { errno })
    branch.seal()
    return branch
  }

  for (const { text, kept, errno } of hiddenEnds) {
    const skip =
      servers.flavour === 'mysql' && !text.startsWith('call') && 'only MariaDB has such a statement'

    test(`rolled back after a hidden end, it is not said to be: ${text}`, { skip }, async () => {
      const before = await count()
      const branch = await endedUnseen(text, errno)
      const answer = await branch.branch.rollback()
      assert.equal(await count(), before + kept)
      assert.equal(answer.result, 'heuristic')
      assert.equal((answer as { kind?: string }).kind, 'hazard')
      const { detail } = answer as { detail: string }
      assert.match(detail, /what it had done may be committed/)
      assert.ok(detail.includes(text), detail)
      assert.deepEqual(await branch.branch.rollback(), answer)
      await allIdle(pool)
    })

    test(`committed after a hidden end, it is unknown: ${text}`, { skip }, async () => {
      const before = await count()
      const branch = await endedUnseen(text, errno)
      const answer = await branch.branch.commitOnePhase()
      assert.equal(answer.result, 'unknown')
      if (errno === undefined) assert.match(String(causeOf(answer)), /may be committed/)
      else assert.equal(errnoOf(causeOf(answer)), errno)
      assert.equal(await count(), before + kept)
      const told = await branch.branch.rollback()
      assert.equal((told as { kind?: string }).kind, 'hazard')
    })
  }

  /** What takes away the means to ask how it ended. */
  const losses: Readonly<Record<string, (branch: TestedBranch, thread: number) => unknown>> = {
    'the session is lost': (_, thread) => pool.query(`kill connection ${thread}`),
    'work is not awaited': ({ client }) => {
      client.query('select sleep(60)').catch(() => undefined)
    },
  }
  for (const [what, lose] of Object.entries(losses)) {
    for (const told of ['rollback', 'commitOnePhase'] as const) {
      test(`after a hidden end ${what}: a ${told} says that nobody can tell`, async () => {
        const before = await count()
        const branch = await last.begin()
        const thread = await numberOf(branch.client, 'select connection_id()')
        await branch.client.query('insert into item values ()')
        await branch.client.query('call again()')
        await lose(branch, thread)
        branch.seal()
        const answer = await branch.branch[told]()
        assert.equal(await count(), before + 1, 'the procedure has committed it')
        if (told === 'commitOnePhase') assert.equal(answer.result, 'unknown')
        const end = told === 'rollback' ? answer : await branch.branch.rollback()
        assert.equal((end as { kind?: string }).kind, 'hazard')
      })
    }
  }

  test('what is done after a hidden end is not committed with it', async () => {
    const before = await count()
    const branch = await last.begin()
    await branch.client.query('call anew()')
    await branch.client.query('insert into item values ()')
    branch.seal()
    assert.equal((await branch.branch.commitOnePhase()).result, 'unknown')
    assert.equal(await count(), before)
  })

  test('a procedure that leaves the transaction alone does not stand in its way', async () => {
    await pool.query('create procedure adding() begin insert into item values (); end')
    const before = await count()
    const branch = await last.begin()
    await branch.client.query('call adding()')
    branch.seal()
    assert.deepEqual(await branch.branch.commitOnePhase(), { result: 'committed' })
    const dropped = await last.begin()
    await dropped.client.query('call adding()')
    await dropped.dropped()
    assert.equal(await count(), before + 1)
    await allIdle(pool)
  })

  for (const how of ['rollback', 'commitOnePhase'] as const) {
    test(`a deadlock's victim was rolled back, and that is proved (${how})`, async () => {
      await pool.query('replace into item values (1000, 0), (1001, 0)')
      const before = await count()
      const [one, other] = await Promise.all([last.begin(), last.begin()])
      await one.client.query('update item set n = n + 1 where id = 1000')
      // The one that has changed more is spared.
      await one.client.query('insert into item values (), (), ()')
      await other.client.query('update item set n = n + 1 where id = 1001')
      const waiting = one.client.query('update item set n = n + 1 where id = 1001')
      const late = other.client.query('update item set n = n + 1 where id = 1000')
      await assert.rejects(late, { errno: 1213 })
      await waiting
      other.seal()
      if (how === 'rollback') assert.deepEqual(await other.branch.rollback(), done)
      else {
        const answer = await other.branch.commitOnePhase()
        assert.equal(answer.result, 'aborted')
        assert.equal(errnoOf(causeOf(answer)), 1213)
      }
      await one.dropped()
      assert.equal(await count(), before)
      await allIdle(pool)
    })
  }

  test('what was queued behind a deadlock was committed by itself, and that is told', async () => {
    await pool.query('replace into item values (1000, 0), (1001, 0)')
    const before = await count()
    const [one, other] = await Promise.all([last.begin(), last.begin()])
    await one.client.query('update item set n = n + 1 where id = 1000')
    await one.client.query('insert into item values (), (), ()')
    await other.client.query('update item set n = n + 1 where id = 1001')
    const waiting = one.client.query('update item set n = n + 1 where id = 1001')
    const late = other.client.query('update item set n = n + 1 where id = 1000')
    const queued = other.client.query('insert into item values ()')
    await assert.rejects(late, { errno: 1213 })
    await Promise.all([waiting, queued])
    other.seal()
    const answer = await other.branch.rollback()
    assert.equal((answer as { kind?: string }).kind, 'hazard')
    await one.dropped()
    assert.equal(await count(), before + 1)
  })
})
