/** The pooled connection: what a branch relies on is set, and what it changed does not stay. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { before, describe, test } from 'node:test'
import pg, { type Pool, type PoolClient } from 'pg'
import { postgresSuite } from '../../harness/postgres.ts'
import { done, type TestedBranch, TestedParticipant } from '../../harness/postgres-branches.ts'
import { until } from '../../harness/postgres-conditions.ts'

const settingsOf = async (
  client: { query: PoolClient['query'] },
  ...names: readonly string[]
): Promise<string[]> => {
  const found: string[] = []
  for (const name of names) {
    const { rows } = await client.query('select current_setting($1) as value', [name])
    found.push(rows[0].value)
  }
  return found
}

await postgresSuite('the session of a PostgreSQL branch', (servers) => {
  let url: string
  let pool: Pool
  let tested: TestedParticipant

  before(async () => {
    url = (await servers.shared()).url
    pool = servers.pool(url, { max: 1 })
    await pool.query('create table item (id int primary key)')
    tested = await TestedParticipant.open(pool)
  })

  const pidOf = async (): Promise<number> =>
    (await pool.query('select pg_backend_pid() as pid')).rows[0].pid

  const end = async (branch: TestedBranch, how: string): Promise<void> => {
    branch.seal()
    if (how === 'one phase') await branch.branch.commitOnePhase()
    else if (how === 'rollback') await branch.branch.rollback()
    else {
      assert.equal((await branch.prepare()).vote, 'yes')
      const finish = how === 'commit prepared' ? 'commit' : 'rollback'
      assert.deepEqual(await branch.branch[finish](), done)
    }
  }

  const ends = ['one phase', 'rollback', 'commit prepared', 'rollback prepared']

  for (const how of ends) {
    test(`PG-10 a plain SET does not reach the next user of the connection (${how})`, async () => {
      const before = await pidOf()
      const branch = await tested.begin()
      await branch.client.query('insert into item select coalesce(max(id), 0) + 1 from item')
      await branch.client.query(`set search_path = 'nowhere'`)
      await end(branch, how)
      assert.deepEqual(await settingsOf(pool, 'search_path'), ['"$user", public'])
      assert.notEqual(await pidOf(), before)
    })

    test(`a branch that leaves nothing behind gives its connection back (${how})`, async () => {
      const before = await pidOf()
      const branch = await tested.begin()
      await branch.client.query('insert into item select coalesce(max(id), 0) + 1 from item')
      await branch.client.query(`set local search_path = 'nowhere'`)
      await branch.client.query(`select set_config('work_mem', '65kB', true)`)
      await end(branch, how)
      assert.equal(await pidOf(), before)
      assert.deepEqual(await settingsOf(pool, 'search_path', 'lock_timeout', 'work_mem'), [
        '"$user", public',
        '0',
        '4MB',
      ])
    })
  }

  const hidden: Readonly<Record<string, string>> = {
    'a DO block': `do $$ begin set work_mem = '65kB'; end $$`,
    'a procedure': 'call settle()',
  }
  for (const [what, text] of Object.entries(hidden)) {
    test(`PG-10 nor does what ${what} has set, which can not be seen`, async () => {
      await pool.query(`create or replace procedure settle() language plpgsql
        as $$ begin set work_mem = '65kB'; end $$`)
      const [pid, workMem] = [await pidOf(), await settingsOf(pool, 'work_mem')]
      const branch = await tested.begin()
      await branch.client.query('insert into item select coalesce(max(id), 0) + 1 from item')
      await branch.client.query(text)
      await end(branch, 'commit prepared')
      assert.deepEqual(await settingsOf(pool, 'work_mem'), workMem)
      assert.notEqual(await pidOf(), pid)
    })
  }

  test('PG-10 a lock of the session or a LISTEN does not stay', async () => {
    const branch = await tested.begin({ onlyBranch: true })
    await branch.client.query('select pg_advisory_lock(5)')
    await branch.client.query('listen jobs')
    await end(branch, 'one phase')
    const { rows } = await pool.query(
      `select (select count(*)::int from pg_locks where locktype = 'advisory') as locks,
              (select count(*)::int from pg_listening_channels()) as channels`,
    )
    assert.deepEqual(rows, [{ locks: 0, channels: 0 }])
  })

  test('PG-20 what a branch relies on does not come from the defaults of the session', async () => {
    const options = [
      'synchronous_commit=off',
      'default_transaction_read_only=on',
      'default_transaction_isolation=serializable',
      'default_transaction_deferrable=on',
      'lock_timeout=100s',
      'statement_timeout=3s',
    ]
    const own = servers.pool(url, {
      max: 1,
      options: options.map((each) => `-c ${each}`).join(' '),
    })
    const participant = await TestedParticipant.open(own)
    const branch = await participant.begin({ isolation: 'READ-COMMITTED', timeLeftMs: 7_000 })
    const [durability, readOnly, isolation, lock, statement, idle] = await settingsOf(
      branch.client,
      'synchronous_commit',
      'transaction_read_only',
      'transaction_isolation',
      'lock_timeout',
      'statement_timeout',
      'idle_in_transaction_session_timeout',
    )
    assert.deepEqual([durability, readOnly, isolation], ['on', 'off', 'read committed'])
    // The time left, unless the session is stricter.
    const isWithin = async (value: string | undefined, low: number, high: number) => {
      const { rows } = await pool.query('select extract(epoch from $1::interval)::text as s', [
        value,
      ])
      const seconds = Number(rows[0].s)
      assert.ok(seconds > low && seconds <= high, value)
    }
    await isWithin(lock, 0, 7)
    assert.equal(statement, '3s')
    await isWithin(idle, 5, 12)
    await branch.client.query('insert into item values (1000)')
    await end(branch, 'commit prepared')
    assert.equal((await own.query('select from item where id = 1000')).rowCount, 1)
    const plain = await participant.begin()
    assert.deepEqual(await settingsOf(plain.client, 'transaction_isolation'), ['serializable'])
    await end(plain, 'rollback')
    await participant.participant.close()
  })

  test('PG-20 a transaction that asks for no isolation gets what the database is set to', async () => {
    const weak = await tested.begin()
    assert.deepEqual(await settingsOf(weak.client, 'transaction_isolation'), ['read committed'])
    await end(weak, 'rollback')
    // A session that somebody has changed since is no such setting.
    await pool.query(`set default_transaction_isolation = 'serializable'`)
    const again = await tested.begin()
    assert.deepEqual(await settingsOf(again.client, 'transaction_isolation'), ['read committed'])
    await end(again, 'rollback')
    await pool.query('reset default_transaction_isolation')
    const own = await TestedParticipant.open(pool, { defaultIsolation: 'repeatable read' })
    const strong = await own.begin()
    assert.deepEqual(await settingsOf(strong.client, 'transaction_isolation'), ['repeatable read'])
    await end(strong, 'rollback')
    await own.participant.close()
    await assert.rejects(tested.begin({ isolation: 'read committed; drop table item' }), {
      code: 'ASSENT_INVALID_OPTION',
    })
  })

  test('PG-11 phase 2 is durable too where the session is not, and the session gets its own back', async () => {
    const own = servers.pool(url, { max: 1, options: '-c synchronous_commit=off' })
    let raw: PoolClient | undefined
    own.on('acquire', (client) => {
      raw = client
    })
    const participant = await TestedParticipant.open(own)
    const { branch } = await participant.prepared('insert into item values (1001)')
    assert.ok(raw !== undefined)
    assert.deepEqual(await settingsOf(raw, 'synchronous_commit'), ['on'])
    assert.deepEqual(await branch.branch.commit(), done)
    assert.deepEqual(await settingsOf(own, 'synchronous_commit'), ['off'])
    // What a branch weakens for itself is raised again before the vote.
    const weakened = await participant.begin()
    await weakened.client.query('set local synchronous_commit = off')
    await weakened.client.query('insert into item values (1002)')
    await end(weakened, 'commit prepared')
    await participant.participant.close()
  })

  test('locks and statements give up when the time is over', async () => {
    const holder = servers.pool(url)
    const client = await holder.connect()
    await client.query('begin')
    await client.query('lock table item')
    const branch = await tested.begin({ timeLeftMs: 1_000 })
    // Of the lock, or of the statement that waits for it: both have the time that is left.
    await assert.rejects(branch.client.query('select * from item'), /timeout/)
    branch.seal()
    await branch.branch.rollback()
    client.release(true)
  })

  test('a pool that is exhausted is reported, and a connection that comes too late goes back', async () => {
    const client = await pool.connect()
    const beginning = tested.begin({ timeLeftMs: 50 })
    // Queued at once: on that rests that two transactions can't wait for each other's pools.
    assert.equal(pool.waitingCount, 1)
    await assert.rejects(beginning, {
      code: 'ASSENT_RESOURCE_UNAVAILABLE',
      message: /^tested: the pool gave no connection within 50 ms/,
    })
    client.release()
    await until('the late connection is back', () => pool.idleCount === 1)
    assert.equal(pool.waitingCount, 0)
  })

  test('a pool of one connection is enough', async () => {
    const { branch, evidence } = await tested.prepared('insert into item values (1003)')
    assert.equal(pool.idleCount, 0)
    // Everything beside the branch goes over connections of our own.
    assert.equal((await tested.participant.check()).status, 'ready')
    assert.equal((await tested.participant.listPrepared?.())?.length, 1)
    assert.deepEqual(await tested.participant.recover({ id: branch.id, evidence }).commit(), done)
    assert.deepEqual(await branch.branch.commit(), done)
    assert.equal(pool.idleCount, 1)
  })

  test('a pool that pipelines is served as any other', async () => {
    const own = servers.pool(url, { max: 1, pipeline: true })
    const participant = await TestedParticipant.open(own)
    const branch = await participant.begin()
    await Promise.all([
      branch.client.query('begin'),
      branch.client.query('insert into item values (1004)'),
      branch.client.query('commit'),
    ])
    await end(branch, 'commit prepared')
    const failing = await participant.begin()
    const answers = await Promise.allSettled([
      failing.client.query('select 1/0'),
      failing.client.query('insert into item values (1005)'),
    ])
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    await failing.refusedVote()
    assert.equal((await own.query('select from item where id > 1003')).rowCount, 1)
    await participant.participant.close()
  })
})

/** A message of the server's: its letter, its length, its body. */
function message(letter: string, body: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(4 + Buffer.byteLength(body))
  return Buffer.concat([Buffer.from(letter), length, Buffer.from(body)])
}

describe('a connection of the pool', () => {
  test('that ends in the moment of its beginning does not end the process', async (t) => {
    // One that is told to stop says so behind its welcome, in the same packet.
    const farewell = 'SFATAL\0C57P01\0Mterminating connection\0\0'
    const welcome = [message('R', '\0\0\0\0'), message('Z', 'I'), message('E', farewell)]
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end(Buffer.concat(welcome)))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'a', database: 'a', password: 'a' })
    const tested = TestedParticipant.attach(pool)
    await assert.rejects(tested.begin(), /connection error|terminat/)
    await tested.participant.close()
  })
})
