/** Presumptions: how absence becomes final, and when the row that says so may go. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Pool, PoolClient } from 'pg'

import type { DecisionRow } from '../../../src/core/decision-table.ts'
import type { TransactionKey } from '../../../src/core/ids.ts'
import type { Branch } from '../../../src/participants/contract.ts'
import { postgresSuite, roleUrl } from '../../harness/postgres.ts'
import { TestedParticipant } from '../../harness/postgres-branches.ts'
import { until } from '../../harness/postgres-conditions.ts'
import { committedRow, identity, TestedDecisions, tableOf } from './tested-decisions.ts'

await postgresSuite('a presumption at PostgreSQL', (servers) => {
  let pool: Pool
  let kept: TestedDecisions

  before(async () => {
    pool = servers.pool((await servers.shared()).url)
    await pool.query('create table item (id int primary key)')
    kept = await TestedDecisions.open(pool, { answerTimeoutMs: 4_000 })
  })

  after(() => kept.close())

  const aborted = (transaction: TransactionKey): DecisionRow => ({
    log: identity,
    transaction,
    decision: 'aborted',
    record: new Uint8Array(),
  })

  const working = async (id: number): Promise<Branch<PoolClient>> => {
    const { branch } = await kept.tested.begin()
    await branch.client.query('insert into item values ($1)', [id])
    branch.seal()
    return branch
  }

  const itemIsThere = async (id: number): Promise<boolean> =>
    (await pool.query('select from item where id = $1', [id])).rowCount === 1

  /** A transaction by hand that has inserted the row, and has not ended. */
  const inserting = async (transaction: TransactionKey): Promise<PoolClient> => {
    const client = await pool.connect()
    await client.query('begin')
    const { epoch, counter } = transaction
    await client.query(`insert into assent.assent_decision values ($1, $2, 'committed', '\\x07')`, [
      identity,
      `${epoch.toString(36)}.${counter.toString(36)}`,
    ])
    return client
  }

  const end = async (client: PoolClient, how: 'commit' | 'rollback'): Promise<void> => {
    await client.query(how)
    client.release()
  }

  const untilOneWaits = (): Promise<void> =>
    until('it waits for the one that inserts', async () => {
      const { rowCount } = await pool.query(`select from pg_stat_activity
        where wait_event_type = 'Lock' and query like '%assent_decision%'`)
      return rowCount === 1
    })

  test('makes absence final, and says so again', async () => {
    const key = kept.nextKey()
    for (let times = 0; times < 2; times += 1) {
      assert.deepEqual(await kept.presume(key), aborted(key))
    }
    const branch = await working(1)
    const ended = await branch.commitWithDecision?.(committedRow(key))
    assert.equal(ended?.result, 'aborted')
    assert.equal(await itemIsThere(1), false)
  })

  test('finds the decision that stands, and leaves it', async () => {
    const branch = await working(2)
    const row = kept.nextRow()
    assert.deepEqual(await branch.commitWithDecision?.(row), { result: 'committed' })
    assert.deepEqual(await kept.presume(row.transaction), row)
    assert.equal(await kept.decisionOf(row.transaction), 'committed')
    const recorded = { ...kept.nextRow(), decision: 'aborted' } as const
    await kept.session.write({ decisions: [recorded] })
    assert.deepEqual(await kept.presume(recorded.transaction), recorded)
  })

  for (const how of ['commit', 'rollback'] as const) {
    test(`waits for one that is about to insert, and obeys its ${how}`, async () => {
      const key = kept.nextKey()
      const ahead = await inserting(key)
      const presuming = kept.presume(key)
      await untilOneWaits()
      await end(ahead, how)
      const row = { ...committedRow(key), record: Uint8Array.of(7) }
      assert.deepEqual(await presuming, how === 'commit' ? row : aborted(key))
    })
  }

  test('comes to one answer with a commit and others that come at the same time', async () => {
    const outcomes = new Set<string>()
    for (let round = 0; round < 30; round += 1) {
      const branch = await working(100 + round)
      const row = kept.nextRow()
      const [ended, ...found] = await Promise.all([
        branch.commitWithDecision?.(row),
        kept.presume(row.transaction),
        kept.presume(row.transaction),
      ])
      const isCommitted = ended?.result === 'committed'
      assert.equal(await itemIsThere(100 + round), isCommitted)
      for (const { decision } of found) {
        assert.equal(decision, isCommitted ? 'committed' : 'aborted')
      }
      outcomes.add(String(ended?.result))
    }
    assert.ok(!outcomes.has('unknown'))
  })

  test('gives up in bounded time where who inserts does not end, and can be asked again', async () => {
    const key = kept.nextKey()
    const ahead = await inserting(key)
    await assert.rejects(kept.presume(key), { code: '55P03' })
    await end(ahead, 'commit')
    assert.equal((await kept.presume(key)).decision, 'committed')
  })

  test('is not the next holder’s: after its epoch was raised it rejects', async () => {
    const key = kept.nextKey()
    const { holder } = kept
    await kept.raiseEpoch()
    await assert.rejects(kept.table.presumeAborted(holder, key), /another process has it/)
    assert.equal(await kept.decisionOf(key), undefined)
    assert.deepEqual(await kept.presume(key), aborted(key))
    await assert.rejects(kept.table.presumeAborted(holder, key), /another process has it/)
  })

  test('that is under way holds the raise of the epoch up', async () => {
    const key = kept.nextKey()
    const ahead = await inserting(key)
    const presuming = kept.presume(key)
    await untilOneWaits()
    let isRaised = false
    const raising = kept.raiseEpoch().then(() => {
      isRaised = true
    })
    await until('the raise waits, too', async () => {
      const { rowCount } = await pool.query(`select from pg_stat_activity
        where wait_event_type = 'Lock' and query like 'update %assent_log%'`)
      return rowCount === 1
    })
    assert.equal(isRaised, false)
    await end(ahead, 'rollback')
    assert.deepEqual(await presuming, aborted(key))
    await raising
  })

  test('forces its row, whatever the role has for synchronous_commit', async () => {
    const { url } = await servers.shared()
    await pool.query(`create role lazy login superuser password 'a';
      alter role lazy set synchronous_commit = off;
      create table seen (durability text);
      create function see() returns trigger language plpgsql as
        $$begin insert into seen values (current_setting('synchronous_commit')); return null; end$$;
      create constraint trigger see after insert on assent.assent_decision
        deferrable initially deferred for each row execute function see()`)
    const tested = await TestedParticipant.open(servers.pool(roleUrl(url, 'lazy', 'a')))
    await tableOf(tested, false).presumeAborted(kept.holder, kept.nextKey())
    await pool.query('drop trigger see on assent.assent_decision')
    assert.deepEqual((await pool.query('select * from seen')).rows, [{ durability: 'on' }])
    await tested.participant.close()
  })

  const presumedBefore = async (): Promise<TransactionKey> => {
    const key = kept.nextKey()
    await kept.presume(key)
    await kept.raiseEpoch()
    return key
  }

  test('goes when no transaction is open any more that was open when it was seen', async () => {
    const key = await presumedBefore()
    const readers = await Promise.all([pool.connect(), pool.connect()])
    for (const client of readers) await client.query('begin')
    // No xid: it has not even read.
    for (let asked = 0; asked < 2; asked += 1) {
      assert.deepEqual(await kept.session.removePresumed([key]), [])
      assert.equal(await kept.decisionOf(key), 'aborted')
    }
    const [first, second] = readers
    assert.ok(first !== undefined && second !== undefined)
    await end(first, 'commit')
    assert.deepEqual(await kept.session.removePresumed([key]), [])
    const late = await pool.connect()
    await late.query('begin')
    await end(second, 'rollback')
    assert.deepEqual(await kept.session.removePresumed([key]), [key])
    assert.equal(await kept.decisionOf(key), undefined)
    assert.deepEqual(await kept.session.removePresumed([key]), [key])
    await end(late, 'commit')
  })

  test('stays while its epoch runs, and stands against a commit that comes late', async () => {
    const key = kept.nextKey()
    await kept.presume(key)
    assert.deepEqual(await kept.session.removePresumed([key]), [])
    await kept.raiseEpoch()
    assert.deepEqual(await kept.session.removePresumed([key]), [key])
    // Nobody was in a transaction for it, and its message is under way still.
    const { branch } = await kept.tested.begin()
    branch.seal()
    assert.equal((await branch.commitWithDecision?.(committedRow(key)))?.result, 'aborted')
    assert.equal(await kept.decisionOf(key), undefined)
  })

  test('a transaction of before, at REPEATABLE READ, keeps the row it may still have to meet', async () => {
    const { branch } = await kept.tested.begin({ isolation: 'repeatable read' })
    await branch.client.query('select * from item')
    const key = await presumedBefore()
    assert.deepEqual(await kept.session.removePresumed([key]), [])
    await branch.client.query('insert into item values (3)')
    branch.seal()
    // It still sees the epoch of before, and meets the row.
    const ended = await branch.commitWithDecision?.(committedRow(key))
    assert.equal(ended?.result, 'aborted')
    assert.match(String((ended as { cause: unknown }).cause), /somebody has decided it already/)
    assert.deepEqual(await kept.session.removePresumed([key]), [key])
  })

  test('transactions of other databases are not waited for', async () => {
    const server = await servers.shared()
    const elsewhere = await servers.pool(await servers.database(server)).connect()
    await elsewhere.query('begin')
    const key = await presumedBefore()
    assert.deepEqual(await kept.session.removePresumed([key]), [key])
    await end(elsewhere, 'commit')
  })

  test('transactions of roles that it may not look into are waited for', async () => {
    const { url } = await servers.shared()
    await pool.query(`create role clerk login password 'a';
      grant execute on function pg_control_system() to clerk;
      grant usage on schema assent to clerk;
      grant select, insert, update, delete on all tables in schema assent to clerk`)
    await kept.session.release()
    const clerk = await TestedDecisions.open(servers.pool(roleUrl(url, 'clerk', 'a')))
    const key = clerk.nextKey()
    const stranger = await pool.connect()
    await stranger.query('begin')
    await clerk.presume(key)
    await clerk.raiseEpoch()
    assert.deepEqual(await clerk.session.removePresumed([key]), [])
    await end(stranger, 'commit')
    assert.deepEqual(await clerk.session.removePresumed([key]), [key])
    await clerk.close()
  })

  test('a row that is no presumption is not removed', async () => {
    const again = await TestedDecisions.open(pool)
    const rows = [
      again.nextRow(),
      { ...again.nextRow(), decision: 'aborted' } as const satisfies DecisionRow,
    ]
    await again.session.write({ decisions: rows })
    await again.raiseEpoch()
    const keys = rows.map(({ transaction }) => transaction)
    assert.deepEqual(await again.session.removePresumed(keys), [])
    for (const key of keys) assert.notEqual(await again.decisionOf(key), undefined)
    await again.close()
  })
})
