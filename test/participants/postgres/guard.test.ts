/** The guarded client: what of the driver works in a branch, and what can't end or break it. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import pg, { type Pool, type PoolClient } from 'pg'
import Cursor from 'pg-cursor'
import { codeOf } from '../../../src/core/errors.ts'
import { postgresSuite } from '../../harness/postgres.ts'
import { causeOf, done, TestedParticipant } from '../../harness/postgres-branches.ts'
import { preparedIn } from '../../harness/postgres-conditions.ts'

const refused = { code: 'ASSENT_STATEMENT_REFUSED' }
const over = { code: 'ASSENT_TRANSACTION_OVER' }

await postgresSuite('the client of a PostgreSQL branch', (servers) => {
  let pool: Pool
  let tested: TestedParticipant

  before(async () => {
    pool = servers.pool((await servers.shared()).url)
    await pool.query('create table item (id int primary key, name text)')
    tested = await TestedParticipant.open(pool)
  })

  const itemsOf = async (from: { query: PoolClient['query'] }): Promise<number[]> => {
    const { rows } = await from.query<{ id: number }>('select id from item order by id')
    return rows.map((row) => row.id)
  }

  test('takes every form of query that the driver takes', async () => {
    const branch = await tested.begin()
    const { client } = branch
    const one = 'select 1 as one'
    assert.deepEqual((await client.query(one)).rows, [{ one: 1 }])
    assert.deepEqual((await client.query('select $1::int as x', [2])).rows, [{ x: 2 }])
    assert.deepEqual((await client.query({ text: 'select $1::int', values: [3] })).rowCount, 1)
    assert.deepEqual((await client.query({ text: 'select $1::int as x' }, [4])).rows, [{ x: 4 }])
    const rows = await client.query({ text: one, rowMode: 'array' })
    assert.deepEqual(rows.rows, [[1]])
    for (let round = 0; round < 2; round += 1) {
      const named = { name: 'two', text: 'select $1::int + 1 as two', values: [1] }
      assert.deepEqual((await client.query(named)).rows, [{ two: 2 }])
    }
    const nameless = { name: 'two', values: [2] } as unknown as pg.QueryConfig
    assert.deepEqual((await client.query(nameless)).rows, [{ two: 3 }])
    branch.seal()
    await branch.branch.rollback()
  })

  test('takes a query whose text is a getter, and leaves the object as it was', async () => {
    class Template {
      readonly values = [5]
      get text(): string {
        return 'select $1::int as x'
      }
    }
    const template = new Template()
    const branch = await tested.begin()
    assert.deepEqual((await branch.client.query(template)).rows, [{ x: 5 }])
    assert.deepEqual(Object.keys(template), ['values'])
    branch.seal()
    await branch.branch.rollback()
  })

  test('takes callbacks, and tells them of refusals', async () => {
    const branch = await tested.begin()
    const asked = <Row>(run: (tell: (error: Error | null, result?: Row) => void) => void) =>
      new Promise<Row | undefined>((resolve, reject) => {
        run((error, result) => (error ? reject(error) : resolve(result)))
      })
    const { client } = branch
    const first = await asked<pg.QueryResult>((tell) => client.query('select 1 as one', tell))
    assert.deepEqual(first?.rows, [{ one: 1 }])
    const second = await asked<pg.QueryResult>((tell) =>
      client.query('select $1::int as x', [2], tell),
    )
    assert.deepEqual(second?.rows, [{ x: 2 }])
    const begun = await asked<pg.QueryResult>((tell) => client.query('begin', tell))
    assert.equal(begun?.command, 'BEGIN')
    await asked((tell) => client.query('rollback', tell))
    await assert.rejects(
      asked((tell) => client.query('commit', tell)),
      refused,
    )
    await assert.rejects(
      asked((tell) => client.query('select 1/0', tell)),
      { code: '22012' },
    )
    assert.equal(codeOf(branch.branch.doomed?.cause), '22012')
    branch.seal()
    await branch.branch.rollback()
  })

  test('takes query objects and cursors that are read or closed', async () => {
    const branch = await tested.begin()
    const { client } = branch
    const query = client.query(new pg.Query('select 1 as one'))
    const rows: unknown[] = []
    await new Promise((resolve, reject) => {
      query.on('row', (row) => rows.push(row))
      query.on('end', resolve)
      query.on('error', reject)
    })
    assert.deepEqual(rows, [{ one: 1 }])
    const whole = client.query(new Cursor('select * from generate_series(1, 3)'))
    assert.equal((await whole.read(10)).length, 3)
    const part = client.query(new Cursor('select * from generate_series(1, 3)'))
    assert.equal((await part.read(1)).length, 1)
    await part.close()
    assert.deepEqual(branch.seal(), [])
    assert.equal((await branch.prepare()).vote, 'yes')
    await branch.branch.rollback()
  })

  test('PG-13 several statements in one text are refused by the server', async () => {
    for (const values of [undefined, [], null as unknown as undefined]) {
      const branch = await tested.begin()
      const text = 'insert into item values (1); commit; insert into item values (2)'
      await assert.rejects(branch.client.query(text, values), { code: '42601' })
      assert.notEqual(branch.branch.doomed, undefined)
      branch.seal()
      assert.deepEqual(await branch.branch.rollback(), done)
      assert.deepEqual(await itemsOf(pool), [])
    }
  })

  test('PG-13 several statements are refused by the guard where the driver is too old', async () => {
    const own = servers.pool((await servers.shared()).url)
    own.on('acquire', (client) => Object.assign(client, { getTransactionStatus: undefined }))
    const participant = await TestedParticipant.open(own)
    const branch = await participant.begin()
    await assert.rejects(branch.client.query('select 1; commit'), refused)
    await branch.client.query('select 1;')
    assert.equal(branch.branch.doomed, undefined)
    branch.seal()
    await branch.branch.rollback()
    await participant.participant.close()
  })

  test('PG-13 several statements are refused in query objects too', async () => {
    const branch = await tested.begin()
    const copy = { text: 'copy item from stdin; commit', submit: () => assert.fail('was sent') }
    assert.throws(() => branch.client.query(copy), refused)
    assert.throws(() => branch.client.query(new pg.Query('select 1; commit')), refused)
    assert.throws(() => branch.client.query({ submit: () => assert.fail('was sent') }), refused)
    assert.throws(() => branch.client.query(new pg.Query('commit')), refused)
    assert.equal(branch.branch.doomed, undefined)
    branch.seal()
    await branch.branch.rollback()
  })

  test('PG-14 an ORM may begin and commit inside, and does not end the branch', async () => {
    const branch = await tested.begin()
    const { client } = branch
    assert.equal((await client.query('begin')).command, 'BEGIN')
    await client.query('insert into item values (10)')
    assert.equal((await client.query('commit')).command, 'COMMIT')
    assert.equal((await client.query('START TRANSACTION;')).command, 'START')
    await client.query('insert into item values (11)')
    assert.equal((await client.query('ROLLBACK;')).command, 'ROLLBACK')
    assert.deepEqual(await itemsOf(pool), [])
    assert.deepEqual(branch.seal(), [])
    assert.equal((await branch.prepare()).vote, 'yes')
    assert.deepEqual(await branch.branch.commit(), done)
    assert.deepEqual(await itemsOf(pool), [10])
  })

  test('PG-14 a second BEGIN while one is open is refused and dooms the branch', async () => {
    const branch = await tested.begin()
    const { client } = branch
    const first = client.query('begin')
    const second = client.query('begin')
    await first
    await assert.rejects(second, refused)
    // Whichever of the two it is that goes on: nothing of the mixture can commit.
    await assert.rejects(client.query('rollback'), { code: 'ASSENT_TRANSACTION_DOOMED' })
    assert.match(String(branch.branch.doomed?.cause), /one is open at a time/)
    // The doom is told, and not that the first one was not ended: its end was refused.
    assert.deepEqual(branch.seal(), [])
    assert.deepEqual(await branch.branch.rollback(), done)
  })

  test('PG-14 what a nested BEGIN can not give is refused with the option that can', async () => {
    const branch = await tested.begin({ isolation: 'repeatable read' })
    const { client } = branch
    for (const text of [
      'begin isolation level serializable',
      'set transaction isolation level serializable',
      'set session characteristics as transaction isolation level serializable',
    ]) {
      await assert.rejects(client.query(text), { ...refused, message: /option.* `isolation`/ })
    }
    await assert.rejects(client.query('begin read only'), { ...refused, message: /`readOnly`/ })
    // No more than the branch gives anyway.
    await client.query('begin isolation level read committed, read write')
    await client.query('commit')
    assert.equal(branch.branch.doomed, undefined)
    branch.seal()
    await branch.branch.rollback()
  })

  test('SET TRANSACTION, as ORMs send it after BEGIN, is granted up to what the branch has', async () => {
    const branch = await tested.begin({ isolation: 'repeatable read' })
    const { client } = branch
    await client.query('begin')
    await client.query('insert into item values (12)')
    for (const text of [
      'set transaction isolation level repeatable read',
      'SET TRANSACTION ISOLATION LEVEL READ COMMITTED;',
      'set transaction read write',
    ]) {
      assert.equal((await client.query(text)).command, 'SET', text)
    }
    for (const text of [
      'set transaction isolation level serializable',
      'set transaction read only',
      'set transaction deferrable',
      `set transaction snapshot '1'`,
      'set transaction read write; commit',
    ]) {
      await assert.rejects(client.query(text), refused, text)
    }
    const { rows } = await client.query('show transaction_isolation')
    assert.deepEqual(rows, [{ transaction_isolation: 'repeatable read' }])
    await client.query('rollback')
    assert.equal(branch.branch.doomed, undefined)
    assert.deepEqual(branch.seal(), [])
    await branch.branch.rollback()
  })

  test('refuses what would end the branch or is the coordinator’s', async () => {
    const branch = await tested.begin()
    for (const text of [
      'commit',
      '/* orm */ COMMIT',
      'end',
      'rollback',
      'abort',
      `prepare transaction 'x'`,
      `commit prepared 'x'`,
      `rollback prepared 'x'`,
      'savepoint assent_1',
      'release assent_1',
      'rollback to "assent_1"',
      'begin; insert into item values (1)',
    ]) {
      await assert.rejects(branch.client.query(text), refused, text)
    }
    await branch.client.query('begin')
    await assert.rejects(branch.client.query('commit and chain'), refused)
    await branch.client.query('rollback')
    assert.equal(branch.branch.doomed, undefined)
    branch.seal()
    await branch.branch.rollback()
  })

  test('PG-16 a cursor left open is named, and its connection closed', async () => {
    const own = servers.pool((await servers.shared()).url, { max: 1 })
    const participant = await TestedParticipant.open(own)
    const branch = await participant.begin()
    await branch.client.query('insert into item values (20)')
    const cursor = branch.client.query(new Cursor('select * from generate_series(1, 3)'))
    await cursor.read(1)
    assert.deepEqual(branch.seal(), ['left open: select * from generate_series(1, 3)'])
    const vote = await branch.prepare()
    assert.equal(vote.vote, 'no')
    assert.match(String(causeOf(vote)), /left open: select/)
    assert.equal(own.totalCount, 0)
    assert.deepEqual(await preparedIn(own), [])
    await participant.participant.close()
  })

  test('PG-16 a COPY left open is named, and its connection closed', async () => {
    const branch = await tested.begin()
    // As pg-copy-streams does it: the simple protocol, and no end before the data has come.
    const copy = {
      text: 'copy item (id) from stdin',
      submit: (connection: pg.Connection) => connection.query('copy item (id) from stdin'),
      handleCopyInResponse: () => undefined,
      handleError: () => undefined,
    }
    branch.client.query(copy as unknown as pg.Submittable)
    assert.deepEqual(branch.seal(), ['left open: copy item (id) from stdin'])
    assert.deepEqual(await branch.branch.rollback(), done)
  })

  test('PG-16 a statement or a transaction that nobody awaited is named', async () => {
    const branch = await tested.begin()
    const late = branch.client.query('insert into item values (21)')
    assert.deepEqual(branch.seal(), ['not awaited: insert into item values (21)'])
    assert.deepEqual(await branch.branch.rollback(), done)
    await assert.rejects(late)
    const other = await tested.begin()
    await other.client.query('begin')
    await other.client.query('insert into item values (22)')
    assert.deepEqual(other.seal(), ['a transaction begun through the client and not ended'])
    assert.equal((await other.prepare()).vote, 'no')
    assert.deepEqual(await itemsOf(pool), [10])
  })

  test('after the seal every use is refused', async () => {
    const branch = await tested.begin()
    const { client } = branch
    const { query } = client
    branch.seal()
    await assert.rejects(client.query('select 1'), { ...over, message: /\(refused: select 1\)$/ })
    await assert.rejects(query('select 1') as unknown as Promise<unknown>, over)
    assert.throws(() => client.query(new Cursor('select 1')), over)
    assert.throws(() => client.on('notice', () => undefined), over)
    assert.throws(() => client.escapeLiteral('x'), over)
    client.release()
    await client.end()
    await branch.branch.rollback()
    assert.equal(pool.idleCount, pool.totalCount)
    await assert.rejects(client.query('select 1'), over)
  })

  test('can not be released, ended or changed under the branch', async () => {
    const branch = await tested.begin()
    const { client } = branch
    client.release()
    client.release(true)
    await client.end()
    await client.connect()
    const heard: string[] = []
    // Chained on, it stays the guarded client.
    const same = client.on('notice', (notice) => heard.push(String(notice.message)))
    assert.equal(same, client)
    await assert.rejects(same.query('commit'), refused)
    await client.query(`do $$ begin raise notice 'hello'; end $$`)
    Object.assign(client, { mark: 'mine' })
    assert.equal((client as unknown as { mark: string }).mark, 'mine')
    assert.ok(client instanceof pg.Client)
    client.removeAllListeners()
    client.on('notice', (notice) => heard.push(String(notice.message)))
    branch.seal()
    await branch.branch.rollback()
    const next = await pool.connect()
    await next.query(`do $$ begin raise notice 'again'; end $$`)
    assert.equal((next as unknown as { mark?: string }).mark, undefined)
    next.release()
    assert.deepEqual(heard, ['hello'])
  })

  test('nested transactions are savepoints', async () => {
    const branch = await tested.begin()
    const { client } = branch
    const outer = await branch.branch.savepoint?.()
    await client.query('insert into item values (30)')
    const inner = await branch.branch.savepoint?.()
    await client.query('insert into item values (31)')
    await assert.rejects(client.query('select 1/0'))
    await inner?.rollback()
    await outer?.release()
    assert.equal(branch.branch.doomed, undefined)
    assert.deepEqual(await itemsOf(client), [10, 30])
    const third = await branch.branch.savepoint?.()
    await client.query('begin')
    await assert.rejects(third?.release() ?? Promise.resolve(), /was not ended/)
    await client.query('commit')
    await third?.release()
    branch.seal()
    await branch.branch.rollback()
  })
})
