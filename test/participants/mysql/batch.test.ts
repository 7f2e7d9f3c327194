/** A branch whose statements are all known: XA START, the statements and XA PREPARE in one write. */
import assert from 'node:assert/strict'
import { before, beforeEach, test } from 'node:test'
import type { Pool } from 'mysql2/promise'
import type {
  BatchBranch,
  BatchStatement,
  BeginOptions,
} from '../../../src/participants/contract.ts'
import { nextIds } from '../../harness/branch-ids.ts'
import { mariadbSuite } from '../../harness/mariadb.ts'
import { until } from '../../harness/until.ts'
import { allIdle, causeOf, done, errnoOf, preparedIn, rowsOf, TestedParticipant } from './tested.ts'
import { WatchedWire } from './watched-wire.ts'

const insert = (id: number): BatchStatement => ({
  text: 'insert into item values (?)',
  values: [id],
})

const ways = ['at once', 'one by one'] as const

await mariadbSuite('a batch at MariaDB', (servers) => {
  const skip = servers.flavour === 'mysql' && 'MySQL is sent one by one'
  let watching: Pool
  let url: string
  let pool: Pool
  let wire: WatchedWire
  const tested = new Map<string, TestedParticipant>()

  before(async () => {
    url = await servers.database(await servers.shared())
    watching = servers.pool(url)
    await watching.query('create table item (id int primary key) engine = InnoDB')
    await watching.query('create table plain (id int) engine = MyISAM')
    pool = servers.pool(url, { connectionLimit: 2 })
    wire = new WatchedWire(pool)
    tested.set('at once', await TestedParticipant.open(pool))
    // Whose texts may hold several statements is sent them one by one.
    const several = servers.pool(url, { connectionLimit: 2, multipleStatements: true })
    tested.set('one by one', await TestedParticipant.open(several))
  })

  beforeEach(async () => {
    wire.spoil = (text) => text
    await watching.query('delete from item')
  })

  const items = async (): Promise<number[]> =>
    (await rowsOf(watching, 'select id from item order by id')).map(({ id }) => Number(id))

  const begin = async (
    how: string,
    statements: readonly BatchStatement[],
    options: Partial<BeginOptions> = {},
  ): Promise<BatchBranch> => {
    const begun = tested
      .get(how)
      ?.participant.beginBatch?.(
        { ...nextIds(), timeLeftMs: 20_000, isolation: undefined, readOnly: false, ...options },
        statements,
      )
    assert.ok(begun !== undefined)
    return await begun
  }

  const finished = async (branch: BatchBranch): Promise<void> => {
    await until('the branch is rolled back', async () => {
      const answer = await branch.rollback()
      if (answer.result !== 'unknown') assert.deepEqual(answer, done)
      return answer.result !== 'unknown'
    })
    assert.deepEqual(await preparedIn(watching), [])
    assert.deepEqual(await items(), [])
  }

  test('two writes: all up to XA PREPARE, and XA COMMIT', { skip }, async () => {
    const statements = [insert(1), { text: 'select count(*) as n from item', values: [] }]
    const run = async (): Promise<void> => {
      const branch = await begin('at once', statements)
      assert.deepEqual(branch.seal(), [])
      assert.equal((await branch.prepare()).vote, 'yes')
      assert.deepEqual(await branch.commit(), done)
      await allIdle(pool)
    }
    await run()
    await watching.query('delete from item')
    wire.writes.length = 0
    await run()
    assert.deepEqual(
      wire.writes.map((write) => write.map((text) => text.replace(/^(xa \w+) .*/, '$1'))),
      [
        [
          'xa start',
          'insert into item values (1)',
          'select count(*) as n from item',
          ...['savepoint assent_vote', 'rollback to savepoint assent_vote'],
          ...['xa end', 'xa prepare'],
        ],
        ['xa commit'],
      ],
    )
  })

  for (const how of ways) {
    test(`${how}: prepares, and answers what each statement answered`, { skip }, async () => {
      for (const [id, decision] of [
        [1, 'commit'],
        [2, 'rollback'],
        [3, 'commit'],
      ] as const) {
        const count = { text: 'select count(*) as n from item where id = ?', values: [id] }
        const branch = await begin(how, [insert(id), count])
        branch.seal()
        const vote = await branch.prepare()
        assert.ok(vote.vote === 'yes', JSON.stringify(vote))
        assert.match(String(vote.evidence), /^w\./)
        const [header, rows] = branch.results as [{ affectedRows: number }, unknown[]]
        assert.equal(header.affectedRows, 1)
        assert.deepEqual(rows, [{ n: 1 }])
        assert.equal((await preparedIn(watching)).length, 1)
        assert.deepEqual(await branch[decision](), done)
      }
      assert.deepEqual(await items(), [1, 3])
    })

    test(`${how}: a statement that fails is a no, and leaves nothing`, { skip }, async () => {
      const branch = await begin(how, [insert(1), insert(1), insert(2)])
      branch.seal()
      const vote = await branch.prepare()
      assert.equal(vote.vote, 'no')
      assert.equal(errnoOf(causeOf(vote)), 1062)
      assert.equal(branch.failed?.statement, 1)
      assert.equal(branch.results.length, 1)
      assert.deepEqual(await preparedIn(watching), [])
      await finished(branch)
    })

    test(`${how}: commits in one phase, all or nothing`, { skip }, async () => {
      const branch = await begin(how, [insert(1), insert(2)], { onlyBranch: true })
      branch.seal()
      assert.deepEqual(await branch.commitOnePhase(), { result: 'committed' })
      assert.deepEqual(await items(), [1, 2])
      await watching.query('delete from item')
      for (const bad of [
        [insert(1), insert(1), insert(2)],
        [insert(1), { text: 'select no_such_column', values: [] }],
      ]) {
        const failing = await begin(how, bad, { onlyBranch: true })
        failing.seal()
        assert.equal((await failing.commitOnePhase()).result, 'aborted')
        assert.deepEqual(await items(), [])
      }
    })

    test(`${how}: a batch that was not asked for its vote leaves nothing`, { skip }, async () => {
      const branch = await begin(how, [insert(1)])
      branch.seal()
      await finished(branch)
    })

    test(`${how}: opened read-only it reads, and is held to that`, { skip }, async () => {
      const reading = await begin(how, [{ text: 'select 1', values: [] }], { readOnly: true })
      reading.seal()
      assert.equal((await reading.prepare()).vote, 'read-only')
      assert.deepEqual(await reading.commit(), done)
      const writing = await begin(how, [insert(1)], { readOnly: true })
      writing.seal()
      const vote = await writing.prepare()
      assert.equal(errnoOf(causeOf(vote)), 1792)
    })

    test(`MY-8 ${how}: what was written where there are no transactions is a no`, {
      skip,
    }, async () => {
      const plain = { text: 'insert into plain values (1)', values: [] }
      const branch = await begin(how, [insert(1), plain])
      branch.seal()
      const vote = await branch.prepare()
      assert.equal(vote.vote, 'no')
      assert.match(String(causeOf(vote)), /engine has no transactions/)
      assert.deepEqual(await preparedIn(watching), [])
      assert.deepEqual(await items(), [])
    })

    test(`MY-5 ${how}: behind a deadlock nothing is kept`, { skip }, async () => {
      await watching.query('insert into item values (-1), (-2)')
      const other = await watching.getConnection()
      await other.query('begin')
      await other.query('insert into item values (100), (101), (102)')
      await other.query('update item set id = id where id = -2')
      const own = (id: number) => ({ text: 'update item set id = id where id = ?', values: [id] })
      const lock = { text: 'select * from item where id = -1 for update', values: [] }
      const voting = begin(how, [lock, own(-2), insert(5)]).then((branch) => {
        branch.seal()
        return branch.prepare()
      })
      await until('it waits', async () => {
        const [row] = await rowsOf(watching, "show status like 'Innodb_row_lock_current_waits'")
        return Number(row?.Value) === 1
      })
      await other.query('select * from item where id = -1 for update')
      const vote = await voting
      assert.equal(vote.vote, 'no')
      assert.equal(errnoOf(causeOf(vote)), 1213)
      await other.query('rollback')
      other.release()
      assert.deepEqual(await preparedIn(watching), [])
      assert.deepEqual(await items(), [-2, -1])
    })
  }

  test('a statement that may commit by itself is not sent with XA START', { skip }, async () => {
    await watching.query('create or replace procedure adding(id int) insert into item values (id)')
    wire.writes.length = 0
    const branch = await begin('at once', [{ text: 'call adding(?)', values: [1] }])
    assert.equal(wire.writes.at(-1)?.length, 1)
    branch.seal()
    assert.equal((await branch.prepare()).vote, 'yes')
    assert.deepEqual(await branch.commit(), done)
    assert.deepEqual(await items(), [1])
  })

  test('where XA START fails nothing is prepared, and nothing committed', { skip }, async () => {
    const ids = nextIds()
    const other = await TestedParticipant.open(watching)
    const first = await other.begin(ids)
    await first.client.query('select 1')
    const branch = await begin('at once', [insert(1), insert(2)], ids)
    branch.seal()
    const vote = await branch.prepare()
    assert.notEqual(vote.vote, 'yes')
    assert.equal(errnoOf(causeOf(vote)), 1440)
    await first.dropped()
    assert.deepEqual(await items(), [])
    await other.participant.close()
  })

  test('an answer that is lost leaves the vote unknown, and the rollback finds it', {
    skip,
  }, async () => {
    // So that its settings are in force, and all of it is written at once.
    const before = await begin('at once', [insert(1)])
    before.seal()
    await before.prepare()
    await finished(before)
    const branch = await begin('at once', [insert(1)])
    branch.seal()
    wire.deafen()
    const voting = branch.prepare()
    await until('it is prepared', async () => (await preparedIn(watching)).length === 1)
    wire.cut()
    assert.equal((await voting).vote, 'unknown')
    await finished(branch)
  })

  test('an answer that the driver can not read is no answer to what stands behind it', {
    skip,
  }, async () => {
    const casting = servers.pool(url, {
      connectionLimit: 1,
      typeCast: (field, next) => {
        if (field.name === 'bad') throw new Error('this can not be read')
        return next()
      },
    })
    const participant = await TestedParticipant.open(casting)
    const read = { text: `select '' as bad from seq_1_to_600`, values: [] }
    const branch = await participant.participant.beginBatch?.(
      { ...nextIds(), timeLeftMs: 20_000, isolation: undefined, readOnly: false },
      [insert(1), read],
    )
    assert.ok(branch !== undefined)
    branch.seal()
    const vote = await branch.prepare()
    assert.equal(vote.vote, 'unknown')
    assert.match(String(causeOf(vote)), /can not be read|is not the server's OK/)
    await finished(branch)
    await participant.participant.close()
  })

  test('values that the driver refuses are a no, with nothing sent', { skip }, async () => {
    const bad = { toSqlString: () => assert.fail('no such value') }
    wire.writes.length = 0
    const branch = await begin('at once', [insert(1), { ...insert(2), values: [bad] }])
    branch.seal()
    assert.equal((await branch.prepare()).vote, 'no')
    assert.equal(wire.writes.flat().filter((text) => /^xa|^insert/.test(text)).length, 0)
    await finished(branch)
  })
})
