/** XA START in the message of the first statement: what is sent, and what is not. */
import assert from 'node:assert/strict'
import { before, beforeEach, test } from 'node:test'
import type { Pool } from 'mysql2/promise'
import { nextIds } from '../../harness/branch-ids.ts'
import { mariadbSuite } from '../../harness/mariadb.ts'
import {
  allIdle,
  causeOf,
  done,
  errnoOf,
  preparedIn,
  rowsOf,
  type TestedBranch,
  TestedParticipant,
} from './tested.ts'
import { WatchedWire } from './watched-wire.ts'

await mariadbSuite('XA START with the first statement of a branch', (servers) => {
  const skip = servers.flavour === 'mysql' && 'MySQL is sent one by one'
  let url: string
  let pool: Pool
  let wire: WatchedWire
  let tested: TestedParticipant
  let watching: Pool

  before(async () => {
    url = await servers.database(await servers.shared())
    watching = servers.pool(url)
    await watching.query('create table item (id int primary key) engine = InnoDB')
    await watching.query(`create procedure committing(id int)
      begin insert into item values (id); commit; end`)
    pool = servers.pool(url, { connectionLimit: 1 })
    wire = new WatchedWire(pool)
    tested = await TestedParticipant.open(pool)
  })

  beforeEach(async () => {
    await watching.query('delete from item')
    wire.spoil = (text) => text
    // On first sight a connection is learnt.
    await (await tested.sealed('select 1')).branch.rollback()
    await allIdle(pool)
    wire.writes.length = 0
  })

  const items = async (): Promise<number[]> =>
    (await rowsOf(watching, 'select id from item order by id')).map(({ id }) => Number(id))

  const commit = async (branch: TestedBranch): Promise<void> => {
    branch.seal()
    assert.equal((await branch.prepare()).vote, 'yes')
    assert.deepEqual(await branch.branch.commit(), done)
  }

  /** A branch whose XA START fails (1440): its id is taken by one that is open on another connection. */
  const refused = async (
    more: { timeLeftMs?: number } = {},
  ): Promise<{ branch: TestedBranch; free(): Promise<void> }> => {
    const ids = nextIds()
    const other = await TestedParticipant.open(watching)
    const first = await other.begin(ids)
    await first.client.query('select 1')
    const branch = await tested.begin({ ...ids, ...more })
    wire.writes.length = 0
    return { branch, free: () => first.dropped().then(() => other.participant.close()) }
  }

  const short = (write: readonly string[] = []): string[] =>
    write.map((text) => text.replace(/^(set|xa \w+) .*/, '$1'))

  test('three writes: to begin and work, to prepare, to commit', { skip }, async () => {
    const branch = await tested.begin()
    assert.equal(wire.writes.length, 0)
    await branch.client.query('insert into item values (1)')
    await commit(branch)
    await allIdle(pool)
    assert.deepEqual(
      wire.writes.map((write) => short(write)),
      [
        ['xa start', 'insert into item values (1)'],
        ['savepoint assent_vote', 'rollback to savepoint assent_vote', 'xa end', 'xa prepare'],
        ['xa commit'],
      ],
    )
    assert.deepEqual(await items(), [1])
  })

  test('the settings and the modes are set before the statement runs', { skip }, async () => {
    const branch = await tested.begin({ isolation: 'serializable', timeLeftMs: 7_000 })
    const [row] = await rowsOf(
      branch.client,
      'select @@innodb_lock_wait_timeout as wait, @@max_statement_time as time, @@autocommit as auto',
    )
    assert.deepEqual(row, { wait: 7, time: 7, auto: 0 })
    // Nothing is written behind them before they are in force.
    assert.deepEqual(
      wire.writes.slice(0, 2).map((write) => short(write).slice(0, 1)),
      [['set'], ['xa start']],
    )
    await branch.dropped()
    const reader = await tested.begin({ readOnly: true })
    await assert.rejects(reader.client.query('insert into item values (1)'), { errno: 1792 })
    await reader.dropped()
    // What they asked for does not stay for the next.
    const next = await tested.begin()
    await next.client.query('insert into item values (2)')
    await commit(next)
  })

  for (const ending of ['commit', 'rollback'] as const) {
    const firsts: Readonly<Record<string, (branch: TestedBranch) => Promise<unknown>>> = {
      'a text with values': ({ client }) => client.query('insert into item values (?)', [1]),
      'a prepared statement': ({ client }) => client.execute('insert into item values (?)', [1]),
      'a BEGIN of its own': async ({ client }) => {
        await client.beginTransaction()
        await client.query('insert into item values (1)')
        await client.commit()
      },
      'a savepoint of the coordinator': async ({ branch, client }) => {
        const savepoint = await branch.savepoint?.()
        await client.query('insert into item values (1)')
        await savepoint?.release()
      },
      'a stream': async ({ client }) => {
        const { connection } = client as unknown as {
          connection: { query(text: string): { stream(): AsyncIterable<unknown> } }
        }
        const rows = connection.query('insert into item values (1) returning id').stream()
        for await (const row of rows) assert.deepEqual(row, { id: 1 })
      },
      'a statement that is prepared by itself': async ({ client }) => {
        const statement = await client.prepare('insert into item  values (?)')
        await statement.execute([1])
      },
      'several at once': ({ client }) =>
        Promise.all([
          client.query('insert into item values (1)'),
          client.query('insert into item values (2)'),
          client.execute('delete from item where id = ?', [2]),
        ]),
    }
    for (const [name, run] of Object.entries(firsts)) {
      test(`${name} is part of the branch, and of nothing else (${ending})`, { skip }, async () => {
        const branch = await tested.begin()
        await run(branch)
        if (ending === 'commit') await commit(branch)
        else await branch.dropped()
        assert.deepEqual(await items(), ending === 'commit' ? [1] : [])
      })
    }
  }

  test('a prepared statement that the session knows goes in one write', { skip }, async () => {
    const run = async (id: number): Promise<void> => {
      const branch = await tested.begin()
      await branch.client.execute('insert into item values (?)', [id])
      await commit(branch)
    }
    await run(1)
    wire.writes.length = 0
    await run(2)
    assert.deepEqual(short(wire.writes[0]), ['xa start', 'execute'])
    assert.deepEqual(await items(), [1, 2])
  })

  test('a statement behind an XA START that failed commits nothing', { skip }, async () => {
    const { branch, free } = await refused()
    await assert.rejects(branch.client.query('insert into item values (1)'), { errno: 1440 })
    assert.deepEqual(short(wire.writes[0]), ['xa start', 'insert into item values (1)'])
    assert.equal(errnoOf(await branch.refusedVote()), 1440)
    await free()
    assert.deepEqual(await items(), [])
  })

  test('nor where the settings before it are refused as well', { skip }, async () => {
    // Without them the session commits by itself: then not even XA START may be sent.
    const { branch, free } = await refused({ timeLeftMs: 7_000 })
    wire.spoil = (text) => text.replace('set session', 'sex session')
    await assert.rejects(branch.client.query('insert into item values (1)'), { errno: 1064 })
    assert.deepEqual(
      wire.writes.map((write) => short(write)),
      [['set']],
    )
    assert.equal(errnoOf(await branch.refusedVote()), 1064)
    await free()
    assert.deepEqual(await items(), [])
  })

  test('what was asked for meanwhile is not sent when XA START fails', { skip }, async () => {
    const { branch, free } = await refused()
    const asked = [
      'insert into item values (1)',
      'insert into item values (2)',
      'call committing(3)',
    ]
    const answers = await Promise.allSettled(asked.map((text) => branch.client.query(text)))
    for (const answer of answers) assert.equal(answer.status, 'rejected')
    assert.equal(wire.writes.length, 1)
    assert.equal(wire.writes[0]?.at(-1), asked[0])
    await branch.refusedVote()
    await free()
    assert.deepEqual(await items(), [])
  })

  const waiting = [
    'call committing(1)',
    'begin not atomic insert into item values (1); commit; end',
    `execute immediate 'create table made (id int)'`,
    // Read as an INSERT, and run as something else by a server that skips the comment.
    '/*!999999 insert into item values (1) */ drop table if exists made',
  ]
  for (const text of waiting) {
    test(`what may commit by itself waits for XA START: ${text}`, { skip }, async () => {
      const { branch, free } = await refused()
      await assert.rejects(branch.client.query(text), { errno: 1440 })
      assert.deepEqual(short(wire.writes[0]), ['xa start'])
      assert.equal(wire.writes.length, 1)
      await branch.refusedVote()
      await free()
      assert.deepEqual(await items(), [])
    })
  }

  test('a connection that takes several statements in a text sends none with XA START', {
    skip,
  }, async () => {
    const several = servers.pool(url, { connectionLimit: 1, multipleStatements: true })
    const seen = new WatchedWire(several)
    const participant = await TestedParticipant.open(several)
    await (await participant.sealed('select 1')).branch.rollback()
    seen.writes.length = 0
    const branch = await participant.begin()
    await branch.client.query('insert into item values (1)')
    assert.deepEqual(seen.writes.at(-1), ['insert into item values (1)'])
    await commit(branch)
    assert.deepEqual(await items(), [1])
    await participant.participant.close()
  })

  test('a connection that is lost meanwhile loses the branch, and commits nothing', {
    skip,
  }, async () => {
    const branch = await tested.begin()
    wire.deafen()
    const asked = Promise.allSettled(
      [1, 2].map((id) => branch.client.query(`insert into item values (${id})`)),
    )
    wire.cut()
    for (const answer of await asked) assert.equal(answer.status, 'rejected')
    await branch.refusedVote()
    assert.deepEqual(await items(), [])
  })

  test('a branch that sends nothing asks the server for nothing', { skip }, async () => {
    const branch = await tested.sealed()
    assert.deepEqual(await branch.prepare(), { vote: 'read-only', ended: true })
    assert.deepEqual(await branch.branch.commit(), done)
    assert.deepEqual(await (await tested.sealed()).branch.commitOnePhase(), { result: 'committed' })
    assert.deepEqual(wire.writes, [])
    await allIdle(pool)
  })

  test('an XA END that fails is no yes, though XA PREPARE was sent behind it', {
    skip,
  }, async () => {
    const branch = await tested.sealed('insert into item values (1)')
    wire.spoil = (text) => {
      wire.spoil = (later) => later
      return text.replace('xa end ', 'xa enc ')
    }
    const vote = await branch.prepare()
    assert.equal(vote.vote, 'no')
    assert.equal(errnoOf(causeOf(vote)), 1064)
    assert.deepEqual(await preparedIn(watching), [])
    assert.deepEqual(await items(), [])
  })
})
