/** A branch that is one message: BEGIN, its statements and PREPARE, or COMMIT. */
import assert from 'node:assert/strict'
import { before, beforeEach, test } from 'node:test'
import type { Pool, PoolConfig } from 'pg'

import type { BranchId } from '../../../src/core/ids.ts'
import type {
  BatchBranch,
  BatchStatement,
  BeginOptions,
} from '../../../src/participants/contract.ts'
import { postgres } from '../../../src/postgres.ts'
import { realPorts } from '../../harness/ports.ts'
import { postgresSuite } from '../../harness/postgres.ts'
import {
  causeOf,
  done,
  nextIds,
  TestedParticipant,
  withoutPipeline,
} from '../../harness/postgres-branches.ts'
import { preparedIn, until } from '../../harness/postgres-conditions.ts'

const insert = (id: number): BatchStatement => ({
  text: 'insert into item values ($1) returning id',
  values: [id],
})

/** The oid of PostgreSQL's type `int`. */
const int4 = 23

await postgresSuite('a batch at PostgreSQL', (servers) => {
  let pool: Pool
  let url: string
  const tested = new Map<string, TestedParticipant>()

  before(async () => {
    url = (await servers.shared()).url
    pool = servers.pool(url)
    await pool.query(`create table item (id int primary key);
      create table pair (id int unique deferrable initially deferred)`)
    tested.set('in one message', await TestedParticipant.open(servers.pool(url)))
    tested.set(
      'one by one',
      await TestedParticipant.open(withoutPipeline(servers.pool(url, { max: 2 }))),
    )
  })

  beforeEach(() => pool.query('truncate item, pair'))

  const items = async (): Promise<number[]> =>
    (await pool.query('select id from item order by id')).rows.map(({ id }) => id)

  const begin = async (
    how: string,
    statements: readonly BatchStatement[],
    options: Partial<BeginOptions> = {},
  ): Promise<BatchBranch> => {
    const participant = tested.get(how)?.participant
    const begun = participant?.beginBatch?.(
      {
        ...nextIds(),
        timeLeftMs: 20_000,
        isolation: undefined,
        readOnly: false,
        ...options,
      },
      statements,
    )
    assert.ok(begun !== undefined)
    return await begun
  }

  const rowsOf = ({ results }: BatchBranch): unknown[] =>
    results.map((result) => (result as { rows: unknown[] }).rows)

  for (const how of ['in one message', 'one by one']) {
    test(`${how}: prepares, and answers what each statement answered`, async () => {
      for (const [id, decision] of [
        [1, 'commit'],
        [2, 'rollback'],
        [3, 'commit'],
      ] as const) {
        const branch = await begin(how, [
          insert(id),
          { text: 'select count(*)::int from item where id = $1', values: [id] },
        ])
        assert.deepEqual(branch.seal(), [])
        const vote = await branch.prepare()
        assert.ok(vote.vote === 'yes', JSON.stringify(vote))
        assert.match(vote.evidence ?? '', /^\d+$/)
        assert.deepEqual(rowsOf(branch), [[{ id }], [{ count: 1 }]])
        assert.equal((await preparedIn(pool)).length, 1)
        assert.deepEqual(await branch[decision](), done)
      }
      assert.deepEqual(await items(), [1, 3])
    })

    test(`${how}: commits in one phase`, async () => {
      const branch = await begin(how, [insert(1)], { onlyBranch: true })
      branch.seal()
      assert.deepEqual(await branch.commitOnePhase(), { result: 'committed' })
      assert.deepEqual(rowsOf(branch), [[{ id: 1 }]])
      assert.deepEqual(await items(), [1])
    })

    test(`${how}: a statement that fails is a no, and leaves nothing`, async () => {
      const branch = await begin(how, [insert(1), insert(1), insert(2)])
      branch.seal()
      const vote = await branch.prepare()
      assert.equal(vote.vote, 'no')
      assert.match(String(causeOf(vote)), /duplicate key/)
      assert.deepEqual(await branch.rollback(), done)
      assert.deepEqual(await preparedIn(pool), [])
      assert.deepEqual(await items(), [])
    })

    test(`${how}: a statement that fails aborts a commit in one phase`, async () => {
      const branch = await begin(how, [insert(1), insert(1)], { onlyBranch: true })
      branch.seal()
      const ended = await branch.commitOnePhase()
      assert.equal(ended.result, 'aborted')
      assert.match(String(causeOf(ended)), /duplicate key/)
      assert.deepEqual(await items(), [])
    })

    test(`${how}: a deferred constraint fails the vote`, async () => {
      const two = { text: 'insert into pair values (1), (1)', values: [] }
      const branch = await begin(how, [two])
      branch.seal()
      const vote = await branch.prepare()
      assert.equal(vote.vote, 'no')
      assert.match(String(causeOf(vote)), /duplicate key/)
    })

    test(`${how}: one that is opened read-only reads, and its vote is read-only`, async () => {
      await pool.query('insert into item values (7)')
      const read = { text: 'select id from item', values: [] }
      const branch = await begin(how, [read], { readOnly: true })
      branch.seal()
      assert.equal((await branch.prepare()).vote, 'read-only')
      assert.deepEqual(await branch.commit(), done)
      assert.deepEqual(rowsOf(branch), [[{ id: 7 }]])
      const writing = await begin(how, [insert(1)], { readOnly: true })
      writing.seal()
      const vote = await writing.prepare()
      assert.equal(vote.vote, 'no')
      assert.match(String(causeOf(vote)), /read-only transaction/)
    })

    test(`${how}: what begins or ends a transaction is refused before a connection is taken`, async () => {
      const refusals: Readonly<Record<string, RegExp>> = {
        commit: /would end the branch/,
        begin: /no statements about transactions/,
        'savepoint mine': /no statements about transactions/,
        "prepare transaction 'x'": /coordinator's to send/,
        'notify somebody': /can't prepare a transaction with NOTIFY/,
        'insert into item values (1); commit': /several statements/,
      }
      for (const [text, message] of Object.entries(refusals)) {
        await assert.rejects(begin(how, [insert(1), { text, values: [] }]), (error: Error) => {
          assert.equal('code' in error && error.code, 'ASSENT_STATEMENT_REFUSED')
          assert.match(error.message, message)
          return true
        })
      }
      assert.deepEqual(await items(), [])
    })

    test(`${how}: rolled back before its vote, it was never begun`, async () => {
      const branch = await begin(how, [insert(1)])
      branch.seal()
      assert.deepEqual(await branch.rollback(), done)
      assert.deepEqual(await items(), [])
    })
  }

  test('an answer that is lost is unknown, and the decision is delivered all the same', async () => {
    for (const decision of ['commit', 'rollback'] as const) {
      const slow = { text: 'select pg_sleep(60)', values: [] }
      const branch = await begin('in one message', [insert(1), slow])
      branch.seal()
      const voting = branch.prepare()
      let pid: number | undefined
      await until('the batch runs', async () => {
        const { rows } = await pool.query(
          `select pid from pg_stat_activity where query = $1 and state = 'active'`,
          [slow.text],
        )
        pid = rows[0]?.pid
        return pid !== undefined
      })
      await pool.query('select pg_terminate_backend($1)', [pid])
      const vote = await voting
      assert.equal(vote.vote, 'unknown')
      if (decision === 'rollback') assert.deepEqual(await branch.rollback(), done)
      else {
        const answer = await branch.commit()
        assert.equal(answer.result, 'heuristic', 'it was not prepared, and says so')
      }
      assert.deepEqual(await items(), [])
      assert.deepEqual(await preparedIn(pool), [])
    }
  })

  test('a weak synchronous_commit is raised, and stays the session as it was', async () => {
    const weak = servers.pool(url, { max: 1, options: '-c synchronous_commit=off' })
    const participant = await TestedParticipant.open(weak)
    tested.set('weak', participant)
    const reveal = { text: `select current_setting('synchronous_commit') as now`, values: [] }
    for (let round = 1; round <= 2; round += 1) {
      const branch = await begin('weak', [insert(round), reveal])
      branch.seal()
      assert.equal((await branch.prepare()).vote, 'yes')
      assert.deepEqual(rowsOf(branch)[1], [{ now: 'on' }])
      assert.deepEqual(await branch.commit(), done)
      const after = await weak.query('show synchronous_commit')
      assert.deepEqual(after.rows, [{ synchronous_commit: 'off' }])
    }
  })

  for (const [what, text] of [
    ['for the transaction', 'set local synchronous_commit = off'],
    ['for the session', 'set synchronous_commit = off'],
  ] as const) {
    for (const ending of ['PREPARE', 'COMMIT'] as const) {
      test(`what a statement weakens ${what} is raised before ${ending}`, async () => {
        await pool.query(`drop table if exists seen;
          create table seen (level text);
          create or replace function see() returns trigger language plpgsql as
            $$ begin insert into seen values (current_setting('synchronous_commit')); return null; end $$;
          drop trigger if exists see_it on item;
          create constraint trigger see_it after insert on item deferrable initially deferred
            for each row execute function see()`)
        try {
          const statements = [insert(1), { text, values: [] }]
          const branch = await begin('in one message', statements, {
            onlyBranch: ending === 'COMMIT',
          })
          branch.seal()
          if (ending === 'COMMIT') {
            assert.deepEqual(await branch.commitOnePhase(), { result: 'committed' })
          } else {
            assert.equal((await branch.prepare()).vote, 'yes')
            assert.deepEqual(await branch.commit(), done)
          }
          const { rows } = await pool.query('select level from seen')
          assert.deepEqual(rows, [{ level: 'on' }])
        } finally {
          await pool.query('drop trigger see_it on item')
        }
      })
    }
  }

  test('rows are read by the types of the connection, in a batch and behind BEGIN', async () => {
    const reading = (text: string): string => `read: ${text}`
    const getTypeParser = (oid: number): unknown => (oid === int4 ? reading : String)
    const typed = servers.pool(url, { max: 1, types: { getTypeParser } } as PoolConfig)
    tested.set('typed', await TestedParticipant.open(typed))
    for (const id of [1, 2]) {
      const batch = await begin('typed', [insert(id)])
      batch.seal()
      assert.equal((await batch.prepare()).vote, 'yes')
      assert.deepEqual(rowsOf(batch), [[{ id: `read: ${id}` }]])
      assert.deepEqual(await batch.commit(), done)
      const branch = await tested.get('typed')?.begin()
      const { rows } = (await branch?.client.query('select 7 as number')) ?? {}
      assert.deepEqual(rows, [{ number: 'read: 7' }])
      await branch?.dropped()
    }
  })

  test('a type parser that throws proves nothing of what the server did', async () => {
    const thrown = Object.assign(new Error('can not be read'), { code: '23505' })
    const fail = (): never => {
      throw thrown
    }
    const getTypeParser = (oid: number): unknown => (oid === int4 ? fail : String)
    const broken = servers.pool(url, { types: { getTypeParser } } as PoolConfig)
    const sound = await TestedParticipant.open(servers.pool(url))
    const participant = postgres(broken)
    participant.attach(realPorts())
    const batch = async (id: number): Promise<BatchBranch> => {
      const options = { ...nextIds(), timeLeftMs: 20_000, isolation: undefined, readOnly: false }
      const branch = await participant.beginBatch?.(options, [insert(id)])
      assert.ok(branch !== undefined)
      branch.seal()
      return branch
    }
    const voting = await batch(1)
    assert.equal((await voting.prepare()).vote, 'unknown')
    await voting.rollback()
    const committing = await batch(2)
    assert.equal((await committing.commitOnePhase()).result, 'unknown')
    assert.deepEqual(await items(), [2], 'it has committed, and nobody said it had not')
    for (const id of await preparedIn(pool)) {
      const left = sound.participant.recover({ id: id as BranchId, evidence: undefined })
      assert.deepEqual(await left.rollback(), done)
    }
  })
})
