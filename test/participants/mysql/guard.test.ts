/** The guarded client: what of the driver works in a branch, and what can't end or break it. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Pool, PoolConnection, ResultSetHeader } from 'mysql2/promise'
import { mariadbSuite } from '../../harness/mariadb.ts'
import { until } from '../../harness/until.ts'
import { allIdle, causeOf, done, errnoOf, rowsOf, TestedParticipant, totalIn } from './tested.ts'

const refused = { code: 'ASSENT_STATEMENT_REFUSED' }
const over = { code: 'ASSENT_TRANSACTION_OVER' }

await mariadbSuite('the client of a MySQL branch', (servers) => {
  let url: string
  let pool: Pool
  let tested: TestedParticipant

  before(async () => {
    url = await servers.database(await servers.shared())
    pool = servers.pool(url)
    await pool.query('create table item (id int primary key, name varchar(20))')
    tested = await TestedParticipant.open(pool)
  })

  const itemsOf = async (from: Pick<Pool, 'query'>): Promise<unknown[]> =>
    (await rowsOf(from, 'select id from item order by id')).map((row) => row.id)

  test('takes every form of query that the driver takes', async () => {
    const branch = await tested.begin()
    const { client } = branch
    assert.deepEqual((await client.query('select 1 as one'))[0], [{ one: 1 }])
    assert.deepEqual((await client.query('select ? as x', [2]))[0], [{ x: 2 }])
    assert.deepEqual((await client.query({ sql: 'select ? as x', values: [3] }))[0], [{ x: 3 }])
    const rows = await client.query({ sql: 'select ? as x', rowsAsArray: true }, [4])
    assert.deepEqual(rows[0], [[4]])
    const named = { sql: 'select :x as x', namedPlaceholders: true }
    assert.deepEqual((await client.query(named, { x: 5 }))[0], [{ x: 5 }])
    for (let round = 0; round < 2; round += 1) {
      assert.deepEqual((await client.execute('select ? as x', [6]))[0], [{ x: 6 }])
    }
    const [header, fields] = await client.query<ResultSetHeader>('insert into item values (1, "a")')
    assert.equal(header.affectedRows, 1)
    assert.equal(fields, undefined)
    const statement = await client.prepare('select ? as x')
    assert.deepEqual((await statement.execute([7]))[0], [{ x: 7 }])
    await statement.close()
    await client.ping()
    assert.equal(client.escape("it's"), "'it\\'s'")
    assert.equal(branch.branch.doomed, undefined)
    await branch.dropped()
  })

  test('gives the other face of the client, guarded as well', async () => {
    const branch = await tested.begin()
    const { connection } = branch.client as unknown as { connection: PoolConnection }
    assert.equal('getConnection' in branch.client, false)
    await branch.client.beginTransaction()
    await branch.client.query('insert into item values (1, "a")')
    await branch.client.rollback()
    const asked = new Promise((resolve) => {
      ;(connection as unknown as { query: (...given: unknown[]) => void }).query('commit', resolve)
    })
    assert.equal(((await asked) as { code?: string }).code, refused.code)
    const promised = (connection as unknown as { promise(): PoolConnection }).promise()
    await assert.rejects(promised.commit(), refused)
    assert.deepEqual(await itemsOf(promised), [])
    await branch.dropped()
  })

  test('several statements in one text are refused, by the server or by the guard', async () => {
    const text = 'insert into item values (1, "a"); insert into item values (2, "b")'
    const branch = await tested.begin()
    await assert.rejects(branch.client.query(text), { errno: 1064 })
    await branch.dropped()
    const several = servers.pool(url, { multipleStatements: true })
    const participant = await TestedParticipant.open(several)
    const other = await participant.begin()
    await assert.rejects(other.client.query(text), refused)
    const raw = { toSqlString: () => '1; commit' }
    await assert.rejects(other.client.query('select ?', [raw]), refused)
    await other.client.query("select ';';")
    assert.equal(other.branch.doomed, undefined)
    await other.dropped()
    assert.deepEqual(await itemsOf(pool), [])
    await participant.participant.close()
  })

  test('an ORM may begin and commit inside, and does not end the branch', async () => {
    const branch = await tested.begin()
    const { client } = branch
    await client.query('BEGIN;')
    await client.query('insert into item values (10, "a")')
    await client.query('COMMIT;')
    await client.beginTransaction()
    await client.query('insert into item values (11, "b")')
    await client.rollback()
    await client.query('START TRANSACTION READ WRITE')
    await client.execute('insert into item values (12, "c")')
    await client.execute('commit')
    assert.deepEqual(await itemsOf(pool), [])
    assert.deepEqual(branch.seal(), [])
    assert.equal((await branch.prepare()).vote, 'yes')
    assert.deepEqual(await branch.branch.commit(), done)
    assert.deepEqual(await itemsOf(pool), [10, 12])
  })

  test('a second BEGIN while one is open is refused and dooms the branch', async () => {
    const branch = await tested.begin()
    const { client } = branch
    const first = client.query('begin')
    const second = client.beginTransaction()
    await first
    await assert.rejects(second, refused)
    await assert.rejects(client.query('rollback'), { code: 'ASSENT_TRANSACTION_DOOMED' })
    assert.match(String(branch.branch.doomed?.cause), /one is open at a time/)
    await branch.dropped()
  })

  test('what would end the branch, or is not its own to set, is refused before it is sent', async () => {
    const branch = await tested.begin()
    for (const text of [
      'commit',
      '/* orm */ COMMIT',
      '/*! commit */',
      'rollback',
      "xa end 'x'",
      "xa start 'x'",
      "xa commit 'x' one phase",
      'savepoint assent_1',
      'release savepoint `ASSENT_1`',
      'begin; insert into item values (1)',
      'create table other (id int)',
      'create temporary table other (id int)',
      'drop table item',
      'alter table item add x int',
      'truncate item',
      'rename table item to other',
      'lock tables item write',
      'grant select on item to somebody',
      'analyze table item',
      'flush tables',
      'set autocommit = 0',
      'set global max_connections = 100',
      'set @@global.max_connections = 100',
      'SET @@session.autocommit = 1',
      'set transaction isolation level serializable',
      'set session transaction read only',
      "set @x = 1, tx_isolation = 'SERIALIZABLE'",
      'start transaction with consistent snapshot',
      'start transaction read only',
    ]) {
      await assert.rejects(branch.client.query(text), refused, text)
      await assert.rejects(branch.client.execute(text), refused, text)
    }
    await assert.rejects(branch.client.prepare('begin'), refused)
    await assert.rejects(branch.client.reset(), refused)
    await assert.rejects(branch.client.changeUser({}), refused)
    await branch.client.query('begin')
    await assert.rejects(branch.client.query('commit and chain'), refused)
    await branch.client.query('rollback')
    assert.equal(branch.branch.doomed, undefined)
    await branch.client.query('insert into item values (20, "a")')
    assert.deepEqual(branch.seal(), [])
    assert.equal((await branch.prepare()).vote, 'yes')
    assert.deepEqual(await branch.branch.rollback(), done)
  })

  test('what is hidden from the guard is refused by the server, and the branch stays whole', async () => {
    await pool.query(`create procedure ending() begin
      insert into item values (30, 'a'); commit; insert into item values (31, 'b'); end`)
    await pool.query(`create procedure defining() begin
      insert into item values (32, 'a'); create table hidden (id int); end`)
    for (const text of [
      'call ending()',
      'call defining()',
      `prepare hidden from 'create table hidden (id int)'`,
      ...(servers.flavour === 'mysql'
        ? []
        : [
            `execute immediate 'commit'`,
            'set statement max_statement_time = 5 for create table hidden (id int)',
            'begin not atomic insert into item values (33, "a"); commit; end',
          ]),
    ]) {
      const branch = await tested.begin()
      await branch.client.query('insert into item values (34, "a")')
      const sent = branch.client.query(text)
      const isPrepare = text.startsWith('prepare')
      await assert.rejects(
        isPrepare ? sent.then(() => branch.client.query('execute hidden')) : sent,
        { errno: 1399 },
        text,
      )
      assert.equal(errnoOf(await branch.refusedVote()), 1399)
    }
    assert.deepEqual(await itemsOf(pool), [10, 12])
    assert.deepEqual(await rowsOf(pool, `show tables like 'hidden'`), [])
  })

  test('a statement or a transaction that nobody awaited is named', async () => {
    const branch = await tested.begin()
    const late = branch.client.query('insert into item values (40, "a")')
    assert.deepEqual(branch.seal(), ['not awaited: insert into item values (40, "a")'])
    const settled = assert.rejects(late)
    assert.deepEqual(await branch.branch.rollback(), done)
    await settled
    const other = await tested.begin()
    await other.client.query('begin')
    await other.client.query('insert into item values (41, "b")')
    assert.deepEqual(other.seal(), ['a transaction begun through the client and not ended'])
    assert.equal((await other.prepare()).vote, 'no')
    assert.deepEqual(await itemsOf(pool), [10, 12])
  })

  test('a stream that is read to its end is work like any other, and one left open is named', async () => {
    const own = servers.pool(url, { connectionLimit: 1 })
    const participant = await TestedParticipant.open(own)
    type Streamed = { query(text: string): { stream(): AsyncIterable<unknown> } }
    const streamOf = (client: PoolConnection, text: string): AsyncIterable<unknown> =>
      (client as unknown as { connection: Streamed }).connection.query(text).stream()
    const many = 'select a.id from item a, item b, item c, item d'
    const whole = await participant.begin()
    const rows: unknown[] = []
    for await (const row of streamOf(whole.client, many)) rows.push(row)
    assert.equal(rows.length, 16)
    await until('the end is heard', () => whole.branch.seal().length === 0)
    assert.equal((await whole.prepare()).vote, 'yes')
    assert.deepEqual(await whole.branch.rollback(), done)
    const open = await participant.begin()
    streamOf(open.client, `select '${'x'.repeat(100_000)}' from item a, item b, item c`)
    assert.match(open.seal()[0] ?? '', /^left open: select/)
    const vote = await open.prepare()
    assert.equal(vote.vote, 'no')
    assert.match(String(causeOf(vote)), /left open: select/)
    assert.equal(totalIn(own), 0)
    await participant.participant.close()
  })

  test('after the seal every use is refused', async () => {
    const branch = await tested.begin()
    const { client } = branch
    const statement = await client.prepare('select 1')
    branch.seal()
    await assert.rejects(client.query('select 1'), over)
    await assert.rejects(client.execute('select 1'), over)
    await assert.rejects(client.beginTransaction(), over)
    await assert.rejects(client.prepare('select 1'), over)
    await assert.rejects(statement.execute([]), over)
    await assert.rejects(client.changeUser({}), over)
    await assert.rejects(client.ping(), over)
    assert.throws(() => client.escape('x'), over)
    client.release()
    client.destroy()
    await client.end()
    await branch.branch.rollback()
    await allIdle(pool)
    await assert.rejects(client.query('select 1'), over)
  })

  test('can not be released, ended or changed under the branch', async () => {
    const branch = await tested.begin()
    const { client } = branch
    client.release()
    client.destroy()
    await client.end()
    const heard: unknown[] = []
    const same = client.on('error', (error) => heard.push(error))
    assert.equal(same, client)
    Object.assign(client, { mark: 'mine' })
    assert.equal((client as unknown as { mark: string }).mark, 'mine')
    assert.deepEqual(await itemsOf(client), [10, 12])
    await branch.dropped()
    const next = await pool.getConnection()
    assert.equal((next as unknown as { mark?: string }).mark, undefined)
    next.release()
  })

  test('nested transactions are savepoints', async () => {
    const branch = await tested.begin()
    const { client } = branch
    const outer = await branch.branch.savepoint?.()
    await client.query('insert into item values (50, "a")')
    const inner = await branch.branch.savepoint?.()
    await client.query('insert into item values (51, "b")')
    await assert.rejects(client.query('insert into item values (50, "c")'))
    await inner?.rollback()
    await outer?.release()
    assert.equal(branch.branch.doomed, undefined)
    assert.deepEqual(await itemsOf(client), [10, 12, 50])
    const third = await branch.branch.savepoint?.()
    await client.query('begin')
    await assert.rejects(third?.release() ?? Promise.resolve(), /was not ended/)
    await client.query('commit')
    await third?.release()
    await branch.dropped()
  })
})
