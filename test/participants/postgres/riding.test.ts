/** BEGIN in the message of the first statement (PG-12): what is sent, and what is not. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { before, beforeEach, test } from 'node:test'
import pg, { type Pool } from 'pg'
import Cursor from 'pg-cursor'

import { postgresSuite, roleUrl } from '../../harness/postgres.ts'
import { done, type TestedBranch, TestedParticipant } from '../../harness/postgres-branches.ts'
import { preparedIn } from '../../harness/postgres-conditions.ts'

/** Counts what the server answers with its status: a simple query, or all up to a Sync. */
class CountingClient extends pg.Client {
  static readonly sent: string[] = []

  constructor(config?: string | pg.ClientConfig) {
    super(config)
    const { stream } = (this as unknown as { connection: { stream: Socket } }).connection
    const write = stream.write.bind(stream) as (bytes: Uint8Array) => boolean
    const counting = (bytes: Uint8Array): boolean => {
      const text = Buffer.from(bytes).toString('latin1')
      if (text.startsWith('Q')) CountingClient.sent.push(text.slice(5, -1))
      if (text.endsWith('S\0\0\0\x04')) CountingClient.sent.push('sync')
      return write(bytes)
    }
    // Connecting puts the socket's own method back.
    stream.once('connect', () => Object.assign(stream, { write: counting }))
  }
}

await postgresSuite('BEGIN with the first statement of a PostgreSQL branch', (servers) => {
  let pool: Pool
  let tested: TestedParticipant

  before(async () => {
    const { url } = await servers.shared()
    pool = servers.pool(url, { max: 1, Client: CountingClient } as pg.PoolConfig)
    await pool.query('create table item (id int primary key)')
    tested = await TestedParticipant.open(pool)
  })

  beforeEach(async () => {
    await pool.query('truncate item')
    // On first sight a connection is begun at once, and learned.
    const first = await tested.sealed()
    await first.branch.rollback()
    CountingClient.sent.length = 0
  })

  const items = async (): Promise<number[]> =>
    (await pool.query('select id from item order by id')).rows.map(({ id }) => id)

  const commit = async (branch: TestedBranch): Promise<void> => {
    branch.seal()
    assert.equal((await branch.prepare()).vote, 'yes')
    assert.deepEqual(await branch.branch.commit(), done)
  }

  test('three messages: the statement, PREPARE, COMMIT PREPARED', async () => {
    const branch = await tested.begin()
    assert.deepEqual(CountingClient.sent, [])
    await branch.client.query('insert into item values (1)')
    await commit(branch)
    const [first, second, third, ...more] = CountingClient.sent
    assert.deepEqual([first, second], ['sync', 'sync'])
    assert.match(third ?? '', /^commit prepared '/)
    assert.deepEqual(more, [])
    assert.deepEqual(await items(), [1])
  })

  test('the modes and the limits are set before the statement runs', async () => {
    const branch = await tested.begin({ isolation: 'serializable', timeLeftMs: 7_000 })
    const { rows } = await branch.client.query(`select
      current_setting('transaction_isolation') as isolation,
      current_setting('statement_timeout') as statement,
      current_setting('lock_timeout') as lock,
      current_setting('synchronous_commit') as durability`)
    const { statement, lock, ...rest } = rows[0]
    assert.deepEqual(rest, { isolation: 'serializable', durability: 'on' })
    assert.match(statement, /^(7s|6\d\d\dms)$/)
    assert.equal(lock, statement)
    branch.seal()
    await branch.branch.rollback()
    const after = await pool.query(`select current_setting('statement_timeout') as statement`)
    assert.equal(after.rows[0].statement, '0')
  })

  const firsts: Readonly<Record<string, (branch: TestedBranch) => Promise<unknown>>> = {
    'a text': ({ client }) => client.query('insert into item values (1)'),
    'a text with values': ({ client }) => client.query('insert into item values ($1)', [1]),
    'a named query': ({ client }) =>
      client.query({ name: 'add', text: 'insert into item values ($1)', values: [1] }),
    'a text with a callback': ({ client }) =>
      new Promise<void>((resolve, reject) => {
        client.query('insert into item values (1)', (error) => (error ? reject(error) : resolve()))
      }),
    'a BEGIN of its own': async ({ client }) => {
      await client.query('begin')
      await client.query('insert into item values (1)')
      await client.query('commit')
    },
    'a savepoint of the coordinator': async ({ branch, client }) => {
      const savepoint = await branch.savepoint?.()
      await client.query('insert into item values (1)')
      await savepoint?.release()
    },
    'a cursor': async ({ client }) => {
      const cursor = client.query(new Cursor('insert into item values (1) returning id'))
      assert.deepEqual(await cursor.read(10), [{ id: 1 }])
      await cursor.close()
    },
    'a query object': ({ client }) =>
      new Promise((resolve, reject) => {
        const query = new pg.Query('insert into item values (1)', [])
        query.on('end', resolve)
        query.on('error', reject)
        client.query(query)
      }),
    'several at once': ({ client }) =>
      Promise.all([
        client.query('insert into item values (1)'),
        client.query('insert into item values (2)'),
        client.query('delete from item where id = 2'),
      ]),
  }

  for (const [name, run] of Object.entries(firsts)) {
    test(`${name} is part of the branch, and of nothing else`, async () => {
      for (const ending of ['commit', 'rollback'] as const) {
        const branch = await tested.begin()
        await run(branch)
        if (ending === 'commit') await commit(branch)
        else {
          branch.seal()
          await branch.branch.rollback()
        }
        assert.deepEqual(await items(), ending === 'commit' ? [1] : [])
        await pool.query('truncate item')
      }
    })
  }

  test('the rows, the types and the row mode are as the driver gives them', async () => {
    const branch = await tested.begin()
    const types = { getTypeParser: () => (value: string) => `<${value}>` }
    const query = { text: 'select 1 as one, $1::text as two', rowMode: 'array', types }
    const { rows, fields, rowCount, command } = await branch.client.query(
      query as unknown as pg.QueryConfig,
      ['2'],
    )
    assert.deepEqual([rows, rowCount, command], [[['<1>', '<2>']], 1, 'SELECT'])
    assert.deepEqual(
      fields.map(({ name }) => name),
      ['one', 'two'],
    )
    branch.seal()
    await branch.branch.rollback()
  })

  test('a first statement that fails dooms the branch', async () => {
    const branch = await tested.begin()
    const sent = branch.client.query('insert into nowhere values (1)')
    await assert.rejects(sent, /relation "nowhere" does not exist/)
    assert.match(String(await branch.refusedVote()), /nowhere/)
  })

  test('a named query that could not be parsed can be sent anew', async () => {
    const named = { name: 'later', text: 'insert into later values (1)' }
    const first = await tested.begin()
    await assert.rejects(first.client.query(named), /does not exist/)
    first.seal()
    await first.branch.rollback()
    await pool.query('create table later (id int)')
    const second = await tested.begin()
    await second.client.query(named)
    await commit(second)
    assert.equal((await pool.query('select from later')).rowCount, 1)
  })

  test('when it does not begin, neither the first statement is run nor those behind it', async () => {
    // A role that may not set the limits: what goes with BEGIN fails, as a BEGIN itself would.
    const url = await servers.database(await servers.shared())
    const admin = servers.pool(url)
    await admin.query(`create table item (id int primary key);
      grant all on item to public;
      create role limited login password 'limited'`)
    const limited = servers.pool(roleUrl(url, 'limited', 'limited'), { max: 1 })
    const participant = await TestedParticipant.open(limited)
    await (await participant.sealed()).branch.rollback()
    await admin.query('revoke execute on function set_config(text, text, bool) from public')
    const branch = await participant.begin()
    const sent = [1, 2, 3].map((id) => branch.client.query(`insert into item values (${id})`))
    for (const each of await Promise.allSettled(sent)) {
      assert.match(String(each.status === 'rejected' && each.reason), /permission denied/)
    }
    await assert.rejects(branch.client.query('insert into item values (4)'), {
      code: 'ASSENT_TRANSACTION_DOOMED',
    })
    assert.match(String(await branch.refusedVote()), /permission denied/)
    assert.equal((await admin.query('select from item')).rowCount, 0)
  })

  test('a branch that is given up before its first statement was never begun', async () => {
    const branch = await tested.begin()
    branch.seal()
    assert.deepEqual(await branch.prepare(), { vote: 'read-only', ended: true })
    assert.deepEqual(CountingClient.sent, [])
    assert.equal(pool.idleCount, pool.totalCount)
    assert.deepEqual(await preparedIn(pool), [])
  })
})
