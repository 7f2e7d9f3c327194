/** The pooled connection: what a branch relies on is set, and what it changed does not stay. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Pool, PoolConnection } from 'mysql2/promise'
import { mariadbSuite } from '../../harness/mariadb.ts'
import { until } from '../../harness/until.ts'
import {
  type Asked,
  allIdle,
  done,
  errnoOf,
  idleIn,
  numberOf,
  rowsOf,
  type TestedBranch,
  TestedParticipant,
  waitingIn,
} from './tested.ts'

await mariadbSuite('the session of a MySQL branch', (servers) => {
  let url: string
  let pool: Pool
  let tested: TestedParticipant

  before(async () => {
    url = await servers.database(await servers.shared())
    pool = servers.pool(url, { connectionLimit: 1 })
    await pool.query('create table item (id int primary key, n int)')
    await pool.query('insert into item values (0, 0)')
    await pool.query(`create procedure settle() begin set session sql_mode = ''; end`)
    await pool.query('create procedure marking() begin set @mine = 1; end')
    await pool.query('create procedure harmless() begin select count(*) from item; end')
    await pool.query('create procedure temp() begin create temporary table t (id int); end')
    tested = await TestedParticipant.open(pool)
  })

  const threadOf = (asked: Asked): Promise<number> => numberOf(asked, 'select connection_id()')

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

  const limits =
    servers.flavour === 'mysql'
      ? 'select @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@max_execution_time'
      : `select @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@max_statement_time,
          @@idle_transaction_timeout, @@tx_isolation, @@tx_read_only,
          @@session_track_system_variables, @@session_track_state_change`

  for (const how of ['one phase', 'rollback', 'commit prepared', 'rollback prepared']) {
    test(`a branch leaves its connection as it was (${how})`, async () => {
      const [thread, own] = [await threadOf(pool), await rowsOf(pool, limits)]
      const branch = await tested.begin({ timeLeftMs: 7_000, isolation: 'serializable' })
      for (const name of ['innodb_lock_wait_timeout', 'lock_wait_timeout']) {
        assert.ok((await numberOf(branch.client, `select @@${name}`)) <= 7, name)
      }
      assert.notDeepEqual(await rowsOf(branch.client, limits), own)
      await branch.client.query('insert into item select max(id) + 1, 0 from item')
      await end(branch, how)
      assert.equal(await threadOf(pool), thread)
      assert.deepEqual(await rowsOf(pool, limits), own)
    })

    test(`a setting that outlives the branch does not reach the next user (${how})`, async () => {
      for (const change of [
        `set sql_mode = ''`,
        'set names latin1',
        'use mysql',
        'set @mine = 1',
        'select @mine := 2',
        `select get_lock('mine', 0)`,
        `prepare mine from 'select 1'`,
      ]) {
        const thread = await threadOf(pool)
        const branch = await tested.begin()
        await branch.client.query(change)
        await branch.client.query(
          `insert into ${tableOf(url)} select max(id) + 1, 0 from ${tableOf(url)}`,
        )
        await end(branch, how)
        assert.notEqual(await threadOf(pool), thread, change)
      }
    })
  }

  const hiddenChanges = [
    'call settle()',
    'call marking()',
    ...(servers.flavour === 'mysql'
      ? []
      : [
          `begin not atomic set session sql_mode = ''; end`,
          'begin not atomic set @mine = 1; select 1; end',
          `execute immediate 'set session sql_mode = ""'`,
          'begin not atomic set @mine = 1; insert into item values (0, 0); end',
        ]),
  ]
  for (const change of hiddenChanges) {
    test(`what changes the session unseen does not reach the next user: ${change}`, async () => {
      const thread = await threadOf(pool)
      const branch = await tested.begin()
      await branch.client.query(change).catch((error: unknown) => {
        assert.equal(errnoOf(error), 1062)
      })
      await branch.dropped()
      assert.notEqual(await threadOf(pool), thread)
    })
  }

  test('where the pool has turned such notices off, a procedure costs its connection', async () => {
    const own = servers.pool(url, { connectionLimit: 1, flags: ['-SESSION_TRACK'] })
    const participant = await TestedParticipant.open(own)
    const thread = await threadOf(own)
    const branch = await participant.begin()
    await branch.client.query('call settle()')
    await branch.dropped()
    assert.notEqual(await threadOf(own), thread)
    await participant.participant.close()
  })

  test('a procedure that changes nothing of the session costs no connection', async () => {
    const thread = await threadOf(pool)
    const branch = await tested.begin()
    await branch.client.query('call harmless()')
    await branch.client.execute('select ?', [1])
    await branch.dropped()
    assert.equal(await threadOf(pool), thread)
  })

  const hiddenTables = [
    'call temp()',
    'begin not atomic create temporary table t (id int); end',
    `execute immediate 'create temporary table t (id int)'`,
  ]
  for (const text of hiddenTables) {
    for (const how of ['vote', 'rollback'] as const) {
      test(`a temporary table that is made unseen does not reach the next user (${how}): ${text}`, {
        skip: servers.flavour === 'mysql' && 'MySQL refuses to prepare with one',
      }, async () => {
        const thread = await threadOf(pool)
        const branch = await tested.begin()
        await branch.client.query('insert into item select max(id) + 1, 0 from item')
        await branch.client.query(text)
        if (how === 'vote') assert.match(String(await branch.refusedVote()), /temporary table/)
        else {
          branch.seal()
          await branch.branch.rollback()
        }
        await assert.rejects(pool.query('select * from t'), { errno: 1146 })
        assert.notEqual(await threadOf(pool), thread)
      })
    }
  }

  test('what a branch relies on does not come from the defaults of the session', async () => {
    const own = servers.pool(url, { connectionLimit: 1 })
    const settings = [
      'set session autocommit = 0',
      'set session transaction isolation level read uncommitted, read only',
      'set session innodb_lock_wait_timeout = 2',
    ]
    const { pool: core } = own as unknown as {
      pool: { on(event: string, run: (connection: { query(text: string): void }) => void): void }
    }
    core.on('connection', (connection) => {
      for (const text of settings) connection.query(text)
    })
    const participant = await TestedParticipant.open(own, { defaultIsolation: 'repeatable read' })
    const branch = await participant.begin()
    // Repeatable: what another commits in between is not seen.
    const seen = await rowsOf(branch.client, 'select n from item where id = 0')
    await servers.pool(url).query('update item set n = n + 1 where id = 0')
    assert.deepEqual(await rowsOf(branch.client, 'select n from item where id = 0'), seen)
    assert.equal(await numberOf(branch.client, 'select @@innodb_lock_wait_timeout'), 2)
    await branch.client.query('insert into item values (1000, 0)')
    await end(branch, 'commit prepared')
    assert.equal(await numberOf(pool, 'select count(*) from item where id = 1000'), 1)
    assert.equal(await numberOf(own, 'select @@autocommit'), 0)
    await own.query('rollback')
    await participant.participant.close()
  })

  test('isolation is that of the transaction, by its effect', async () => {
    const other = servers.pool(url)
    const rounds = [
      ['read committed', 1],
      ['repeatable read', 0],
    ] as const
    for (const [isolation, moved] of rounds) {
      const branch = await tested.begin({ isolation })
      const first = await numberOf(branch.client, 'select n from item where id = 0')
      await other.query('update item set n = n + 1 where id = 0')
      const second = await numberOf(branch.client, 'select n from item where id = 0')
      assert.equal(second - first, moved, isolation)
      await branch.dropped()
    }
    const strict = await tested.begin({ isolation: 'SERIALIZABLE' })
    await strict.client.query('select n from item where id = 0')
    const writer = await other.getConnection()
    await writer.query('set innodb_lock_wait_timeout = 1')
    await assert.rejects(writer.query('update item set n = 9 where id = 0'), { errno: 1205 })
    writer.destroy()
    await strict.dropped()
    await assert.rejects(tested.begin({ isolation: 'snapshot' }), { code: 'ASSENT_INVALID_OPTION' })
  })

  test('a library may ask for the modes that the branch has, and for no others', async () => {
    const refused = { code: 'ASSENT_STATEMENT_REFUSED', message: /option.* `isolation`/ }
    const branch = await tested.begin({ isolation: 'repeatable read' })
    await branch.client.query('set transaction isolation level read committed')
    await branch.client.query('start transaction read write')
    await branch.client.query('commit')
    for (const text of [
      'set transaction isolation level serializable',
      'set transaction read only',
      'set session transaction isolation level read committed',
    ]) {
      await assert.rejects(branch.client.query(text), refused, text)
    }
    await branch.dropped()
  })

  test('locks and statements give up when the time is over', async () => {
    const holder = await servers.pool(url).getConnection()
    await holder.query('begin')
    await holder.query('select * from item for update')
    const branch = await tested.begin({ timeLeftMs: 1_000 })
    await assert.rejects(branch.client.query('update item set n = 1'), (error) =>
      [1205, 1969, 3024].includes(Number(errnoOf(error))),
    )
    await branch.dropped()
    holder.destroy()
  })

  test('a vote that a backup’s lock keeps waiting ends with the time of the transaction', async () => {
    const backup = await servers.pool(url).getConnection()
    const branch = await tested.begin({ timeLeftMs: 1_000 })
    await branch.client.query('insert into item values (2000, 0)')
    await backup.query('flush tables with read lock')
    branch.seal()
    const vote = await branch.prepare()
    assert.notEqual(vote.vote, 'yes')
    await backup.query('unlock tables')
    backup.release()
    assert.deepEqual(await branch.finished('rollback'), done)
    assert.equal(await numberOf(pool, 'select count(*) from item where id = 2000'), 0)
  })

  test('a pool that is exhausted is reported, and a connection that comes too late goes back', async () => {
    const client: PoolConnection = await pool.getConnection()
    const beginning = tested.begin({ timeLeftMs: 50 })
    // Queued at once: on that rests that two transactions can't wait for each other's pools.
    assert.equal(waitingIn(pool), 1)
    await assert.rejects(beginning, {
      code: 'ASSENT_RESOURCE_UNAVAILABLE',
      message: /^tested: the pool gave no connection within 50 ms/,
    })
    client.release()
    await until('the late connection is back', () => idleIn(pool) === 1)
  })

  test('a pool of one connection is enough', async () => {
    const { branch, evidence } = await tested.prepared('insert into item values (1003, 0)')
    assert.equal(idleIn(pool), 0)
    // Everything beside the branch goes over connections of our own.
    assert.equal((await tested.participant.check()).status, 'ready')
    assert.equal((await tested.participant.listPrepared?.())?.length, 1)
    assert.deepEqual(await branch.branch.commit(), done)
    await allIdle(pool)
    assert.deepEqual(await tested.participant.recover({ id: branch.id, evidence }).commit(), done)
  })

  test('a connection that was left in a transaction is refused and closed', async () => {
    const left = await pool.getConnection()
    await left.query('begin')
    await left.query('insert into item values (3000, 0)')
    left.release()
    // Where XA START waits for the work, the work is refused with its error.
    const refused = async (): Promise<unknown> =>
      (await tested.begin()).client.query('insert into item values (3001, 0)')
    await assert.rejects(refused(), (error) => [1400, 1568].includes(Number(errnoOf(error))))
    const branch = await tested.begin()
    await branch.dropped()
    assert.equal(await numberOf(pool, 'select count(*) from item where id in (3000, 3001)'), 0)
  })
})

function tableOf(url: string): string {
  return `${new URL(url).pathname.slice(1)}.item`
}
