/** The local commit of a deciding branch, with the row of the decision in it. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { Pool, PoolClient, PoolConfig } from 'pg'

import { codeOf } from '../../../src/core/errors.ts'
import type {
  BatchBranch,
  BatchStatement,
  BeginOptions,
  Branch,
  OnePhaseResult,
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
import { until } from '../../harness/postgres-conditions.ts'
import { committedRow, TestedDecisions } from './tested-decisions.ts'

const message = 'in one message'
const ways = [message, 'one by one'] as const
type Way = (typeof ways)[number]

const committed = { result: 'committed' }

await postgresSuite('a deciding branch at PostgreSQL', (servers) => {
  let pool: Pool
  /** What the branches in one message run on. */
  let raw: PoolClient
  let decisions: TestedDecisions
  let oneByOne: TestedParticipant
  /** What those one by one run on. */
  let blind: PoolClient

  before(async () => {
    const { url } = await servers.shared()
    pool = servers.pool(url)
    await pool.query(`create table item (id int primary key);
      create table pair (id int unique deferrable initially deferred);
      create table seen (durability text);
      create function see() returns trigger language plpgsql as
        $$begin insert into seen values (current_setting('synchronous_commit')); return null; end$$;
      create constraint trigger see after insert on item deferrable initially deferred
        for each row execute function see();
      create function weaken() returns text language sql as
        $$select set_config('synchronous_commit', 'off', true)$$`)
    const branches = servers.pool(url, { max: 1 })
    branches.on('acquire', (client) => {
      raw = client
    })
    decisions = await TestedDecisions.open(branches)
    const others = servers.pool(url, { max: 1 })
    others.on('acquire', (client) => {
      blind = client
    })
    oneByOne = await TestedParticipant.open(withoutPipeline(others))
  })

  beforeEach(() => pool.query('truncate item, pair, seen'))

  after(async () => {
    await oneByOne.participant.close()
    await decisions.close()
  })

  const testedOf = (way: Way): TestedParticipant => (way === message ? decisions.tested : oneByOne)

  const items = async (): Promise<number[]> =>
    (await pool.query('select id from item order by id')).rows.map(({ id }) => id)

  const begin = async (
    way: Way = message,
    options: Partial<BeginOptions> = {},
  ): Promise<Branch<PoolClient>> => (await testedOf(way).begin(options)).branch

  const inserting = async (id: number, way: Way = message): Promise<Branch<PoolClient>> => {
    const branch = await begin(way)
    await branch.client.query('insert into item values ($1)', [id])
    return branch
  }

  const batch = async (way: Way, ...texts: readonly string[]): Promise<BatchBranch> => {
    const options = { ...nextIds(), timeLeftMs: 20_000, isolation: undefined, readOnly: false }
    const statements: BatchStatement[] = texts.map((text) => ({ text, values: [] }))
    const begun = testedOf(way).participant.beginBatch?.(options, statements)
    assert.ok(begun !== undefined)
    return await begun
  }

  const commit = async (
    branch: Branch,
    row = decisions.nextRow(),
  ): Promise<{ ended: OnePhaseResult; decision: string | undefined }> => {
    assert.deepEqual(branch.seal(), [])
    const ended = await branch.commitWithDecision?.(row)
    assert.ok(ended !== undefined, 'it can carry a decision')
    return { ended, decision: await decisions.decisionOf(row.transaction) }
  }

  /** It has aborted, and neither its work nor its row is there; answers the cause. */
  const aborts = async (branch: Branch, row = decisions.nextRow()): Promise<unknown> => {
    const { ended, decision } = await commit(branch, row)
    assert.equal(ended.result, 'aborted')
    assert.notEqual(decision, 'committed')
    assert.deepEqual(await items(), [])
    assert.deepEqual(await branch.rollback(), done)
    return causeOf(ended)
  }

  for (const way of ways) {
    test(`${way}: commits its work and the row together`, async () => {
      for (const id of [1, 2, 3]) {
        const branch = await inserting(id, way)
        const row = decisions.nextRow()
        assert.deepEqual(await commit(branch, row), { ended: committed, decision: 'committed' })
        assert.deepEqual(await branch.commit(), done)
        const { decisions: rows } = await decisions.session.read()
        assert.deepEqual(
          rows.find(({ transaction }) => transaction.counter === row.transaction.counter),
          row,
        )
      }
      assert.deepEqual(await items(), [1, 2, 3])
    })

    test(`${way}: commits the row alone where nothing was done, or nothing was written`, async () => {
      for (const isUsed of [false, true]) {
        const branch = await begin(way)
        if (isUsed) await branch.client.query('select * from item')
        assert.deepEqual(await commit(branch), { ended: committed, decision: 'committed' })
      }
    })

    test(`${way}: a key that is taken aborts it`, async () => {
      for (const isUsed of [false, true]) {
        const branch = isUsed ? await inserting(1, way) : await begin(way)
        const row = decisions.nextRow()
        await decisions.presume(row.transaction)
        assert.match(String(await aborts(branch, row)), /somebody has decided it already/)
        assert.equal(await decisions.decisionOf(row.transaction), 'aborted')
      }
    })

    test(`${way}: an epoch that was raised aborts it`, async () => {
      for (const isUsed of [false, true]) {
        const branch = isUsed ? await inserting(1, way) : await begin(way)
        const row = decisions.nextRow()
        await decisions.raiseEpoch()
        assert.match(String(await aborts(branch, row)), /taken over by another process/)
      }
    })

    test(`${way}: a batch commits its statements and the row together`, async () => {
      const branch = await batch(
        way,
        'insert into item values (1) returning id',
        'select count(*)::int as count from item',
      )
      assert.deepEqual(await commit(branch), { ended: committed, decision: 'committed' })
      const rows = branch.results.map((result) => (result as { rows: unknown[] }).rows)
      assert.deepEqual(rows, [[{ id: 1 }], [{ count: 1 }]])
      assert.deepEqual(await items(), [1])
    })

    test(`${way}: a batch whose statement fails aborts, and says which`, async () => {
      const branch = await batch(way, 'insert into item values (1)', 'select 1/0')
      assert.equal(codeOf(await aborts(branch)), '22012')
      assert.equal(branch.failed?.statement, 1)
    })

    test(`${way}: a batch aborts where the key is taken, and where the epoch was raised`, async () => {
      const taken = decisions.nextRow()
      await decisions.presume(taken.transaction)
      await aborts(await batch(way, 'insert into item values (1)'), taken)
      const old = decisions.nextRow()
      await decisions.raiseEpoch()
      await aborts(await batch(way, 'insert into item values (1)'), old)
    })

    test(`${way}: a constraint that fails at the commit takes the row with it`, async () => {
      const branch = await begin(way)
      await branch.client.query('insert into pair values (1), (1)')
      const row = decisions.nextRow()
      assert.equal(codeOf(await aborts(branch, row)), '23505')
      assert.equal(await decisions.decisionOf(row.transaction), undefined)
    })

    test(`${way}: forces synchronous_commit, whatever the work did to it`, async () => {
      for (const weakening of ['set local synchronous_commit = off', 'select weaken()']) {
        const branch = await begin(way)
        await branch.client.query(weakening)
        await branch.client.query(`insert into item values (${weakening.length})`)
        await commit(branch)
      }
      const { rows } = await pool.query('select durability from seen')
      assert.deepEqual(rows, [{ durability: 'on' }, { durability: 'on' }])
    })

    test(`${way}: works at every isolation`, async () => {
      for (const isolation of ['read committed', 'repeatable read', 'serializable']) {
        const branch = await begin(way, { isolation })
        await branch.client.query('select * from item')
        assert.deepEqual(await commit(branch), { ended: committed, decision: 'committed' })
        const late = await begin(way, { isolation })
        await late.client.query('select * from item')
        const row = decisions.nextRow()
        await decisions.presume(row.transaction)
        await aborts(late, row)
      }
    })
  }

  test('sends no savepoint where the driver knows that a transaction is open', async () => {
    await commit(await inserting(1))
    const branch = await inserting(2)
    const texts: string[] = []
    const connection = (raw as unknown as { connection: { parse(query: object): void } }).connection
    const parse = connection.parse.bind(connection)
    connection.parse = (query) => {
      texts.push((query as { text: string }).text)
      parse(query)
    }
    branch.seal()
    assert.deepEqual(await branch.commitWithDecision?.(decisions.nextRow()), committed)
    Reflect.deleteProperty(connection, 'parse')
    assert.deepEqual(texts, [], 'the session keeps all that is sent')
  })

  test('a session whose own synchronous_commit is off gets it back, after a forced commit', async () => {
    const weak = servers.pool((await servers.shared()).url, {
      max: 1,
      options: '-c synchronous_commit=off',
    })
    const tested = await TestedParticipant.open(weak)
    const { branch } = await tested.begin()
    await branch.client.query('insert into item values (1)')
    await commit(branch)
    assert.deepEqual((await pool.query('select * from seen')).rows, [{ durability: 'on' }])
    const { rows } = await weak.query('show synchronous_commit')
    assert.equal(rows[0].synchronous_commit, 'off')
    await tested.participant.close()
  })

  test('a transaction that was ended past the guard does not leave its row behind', async () => {
    const aware = await inserting(1)
    await raw.query('rollback')
    await aborts(aware)
    const unaware = await inserting(1)
    // Nobody has awaited it: the driver still says that a transaction is open.
    void raw.query('rollback')
    assert.equal(raw.getTransactionStatus(), 'T')
    await aborts(unaware)
  })

  test('PG-12 outside a transaction no row is kept, where the driver can not tell either', async () => {
    const branch = await inserting(1, 'one by one')
    await blind.query('rollback')
    await aborts(branch)
  })

  test('work that failed, or was not awaited, aborts it', async () => {
    const failed = await inserting(1)
    await assert.rejects(failed.client.query('select 1/0'))
    assert.equal(codeOf(await aborts(failed)), '22012')
    const busy = await inserting(1)
    const sleeping = busy.client.query('select pg_sleep(60)').catch(() => undefined)
    assert.equal(busy.seal().length, 1)
    const ended = await busy.commitWithDecision?.(decisions.nextRow())
    assert.equal(ended?.result, 'aborted')
    await sleeping
    assert.deepEqual(await items(), [])
  })

  test('a branch that is held to reading can not carry a row', async () => {
    const branch = await begin(message, { readOnly: true })
    await branch.client.query('select * from item')
    assert.equal(codeOf(await aborts(branch)), '25006')
  })

  test('a serialization failure keeps its code', async () => {
    const { url } = await servers.shared()
    const other = await TestedParticipant.open(servers.pool(url))
    const options = { isolation: 'serializable' }
    const branches = [await begin(message, options), (await other.begin(options)).branch]
    for (const [index, { client }] of branches.entries()) {
      await client.query('select count(*) from pair')
      await client.query('insert into pair values ($1)', [index])
    }
    const ends: OnePhaseResult[] = []
    for (const branch of branches) ends.push((await commit(branch)).ended)
    assert.deepEqual(ends[0], committed)
    assert.equal(ends[1]?.result, 'aborted')
    assert.equal(codeOf(causeOf(ends[1])), '40001')
    await other.participant.close()
  })

  test('names that the session has forgotten abort one transaction, and not the next', async () => {
    for (const expected of ['aborted', 'committed']) {
      const branch = await begin()
      await branch.client.query('insert into pair values (1)')
      if (expected === 'aborted') await raw.query('deallocate all')
      const { ended } = await commit(branch)
      assert.equal(ended.result, expected)
    }
  })

  test('work that makes its session forget names is committed all the same', async () => {
    for (let time = 0; time < 2; time += 1) {
      const branch = await begin()
      await branch.client.query('insert into pair values ($1)', [time])
      if (time === 1) await branch.client.query('deallocate all')
      const { ended } = await commit(branch)
      assert.equal(ended.result, 'committed')
    }
  })

  test('a session that was lost before has aborted; one that is lost meanwhile: nobody knows', async () => {
    const { url } = await servers.shared()
    const other = await TestedParticipant.open(servers.pool(url))
    const idle = await inserting(1)
    const { rows } = await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where state = 'idle in transaction'`)
    assert.equal(rows.length, 1)
    await until('the loss was seen', () => idle.doomed !== undefined)
    await aborts(idle)

    const during = await inserting(2)
    const row = decisions.nextRow()
    // Another branch is about to insert under the same key: this one waits for it.
    const ahead = await pool.connect()
    await ahead.query('begin')
    await ahead.query(`insert into assent.assent_decision values ($1, $2, 'aborted', '')`, [
      row.log,
      `${row.transaction.epoch.toString(36)}.${row.transaction.counter.toString(36)}`,
    ])
    const committing = commit(during, row)
    await until('it waits', async () => {
      const found = await pool.query(`select from pg_stat_activity
        where wait_event_type = 'Lock' and query like '%assent_decision%'`)
      return found.rowCount === 1
    })
    await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where wait_event_type = 'Lock'`)
    assert.equal((await committing).ended.result, 'unknown')
    await ahead.query('rollback')
    ahead.release()
    assert.equal((await decisions.presume(row.transaction)).decision, 'aborted')
    // Whoever tells it later has read the table.
    assert.deepEqual(await during.rollback(), done)
    assert.deepEqual(await items(), [])
    await other.participant.close()
  })

  test('an answer that can not be read here proves nothing: the row does', async () => {
    const { url } = await servers.shared()
    const fail = (): never => {
      throw Object.assign(new Error('can not be read'), { code: '23505' })
    }
    const int4 = 23
    const getTypeParser = (oid: number): unknown => (oid === int4 ? fail : String)
    const options = { ...nextIds(), timeLeftMs: 20_000, isolation: undefined, readOnly: false }
    const participant = postgres(
      servers.pool(url, { max: 1, types: { getTypeParser } } as PoolConfig),
      {
        recovery: pool,
      },
    )
    participant.attach(realPorts())
    const branch = await participant.beginBatch?.(options, [
      { text: 'insert into item values (1) returning id', values: [] },
    ])
    assert.ok(branch !== undefined)
    const { ended, decision } = await commit(branch)
    assert.deepEqual([ended.result, decision], ['unknown', 'committed'])
    assert.deepEqual(await branch.commit(), done)
    assert.deepEqual(await items(), [1])
    await participant.close()
  })

  test('a server that hangs leaves it unknown, and the session is ended there', async () => {
    const server = await servers.start()
    const hanging = servers.pool(server.url, { max: 1 })
    const kept = await TestedDecisions.open(hanging)
    await hanging.query('create table item (id int primary key)')
    const { branch } = await kept.tested.begin({ timeLeftMs: 300 })
    await branch.client.query('insert into item values (1)')
    branch.seal()
    const row = committedRow(kept.nextKey())
    await server.suspend()
    const ended = await branch.commitWithDecision?.(row)
    assert.equal(ended?.result, 'unknown')
    await server.resume()
    const { decision } = await kept.presume(row.transaction)
    const { rows } = await servers.pool(server.url).query('select * from item')
    assert.deepEqual(rows.length, decision === 'committed' ? 1 : 0)
    await kept.close()
  })
})
