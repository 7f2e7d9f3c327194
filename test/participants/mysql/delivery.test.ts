/** Phase 2 away from the session that prepared, and what an absent branch proves. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import mysql, { type Connection, type Pool, type PoolConnection } from 'mysql2/promise'
import { parseBranchId } from '../../../src/core/ids.ts'
import { xidOf } from '../../../src/participants/mysql/xid.ts'
import { nextIds } from '../../harness/branch-ids.ts'
import { administer, databaseUrl, mariadbSuite, type SharedServer } from '../../harness/mariadb.ts'
import { until } from '../../harness/until.ts'
import {
  allIdle,
  causeOf,
  done,
  globalOf,
  numberOf,
  preparedIn,
  rowsOf,
  TestedParticipant,
  totalIn,
} from './tested.ts'

await mariadbSuite('delivery to a MySQL branch', (servers) => {
  let server: SharedServer
  let url: string
  let database: string
  let pool: Pool
  let watching: Pool
  let tested: TestedParticipant

  before(async () => {
    server = await servers.shared()
    url = await servers.database(server)
    database = new URL(url).pathname.slice(1)
    pool = servers.pool(url)
    watching = servers.pool(url)
    await pool.query('create table item (id int primary key auto_increment) engine = InnoDB')
    tested = await TestedParticipant.open(pool)
  })

  const insert = 'insert into item values ()'
  const count = (): Promise<number> => numberOf(watching, 'select count(*) from item')
  const threadOf = (client: PoolConnection): Promise<number> =>
    numberOf(client, 'select connection_id()')
  const isAlive = async (thread: number): Promise<boolean> =>
    (await rowsOf(watching, 'show processlist')).some((row) => row.Id === thread)

  test('MY-2 while its session lives, XAER_NOTA is not taken for the end of the branch', {
    skip: servers.flavour === 'mysql' && 'newer MySQL lets others finish it',
  }, async () => {
    const start = await count()
    const { branch, evidence } = await tested.prepared(insert)
    const xid = xidOf(branch.id, database)
    await assert.rejects(watching.query(`xa commit ${xid}`), { errno: 1397 })
    // Without evidence nobody can tell which session it is, so it is asked for again.
    const blind = await tested.participant.recover({ id: branch.id, evidence: undefined }).commit()
    assert.equal(blind.result, 'unknown')
    assert.match(String(causeOf(blind)), /is prepared, and the session that prepared it lives/)
    assert.equal(await count(), start)
    // Of another run of the server, the number is an innocent's now: it is left alone.
    const innocent = await watching.getConnection()
    const thread = await threadOf(innocent)
    const stale = { id: branch.id, evidence: `w.${thread}.1000000000.` }
    assert.equal((await tested.participant.recover(stale).commit()).result, 'unknown')
    assert.equal(await threadOf(innocent), thread)
    innocent.release()
    // With it the session is ended, and the branch is free.
    const recovered = tested.participant.recover({ id: branch.id, evidence })
    assert.deepEqual(await recovered.commit(), done)
    assert.deepEqual(await recovered.commit(), done)
    assert.equal(await count(), start + 1)
    assert.deepEqual(await branch.finished('commit'), done)
  })

  for (const decision of ['commit', 'rollback'] as const) {
    test(`MY-2 a session that is cut off before the ${decision} is replaced`, async () => {
      const start = await count()
      const branch = await tested.begin()
      await branch.client.query(insert)
      const thread = await threadOf(branch.client)
      branch.seal()
      assert.equal((await branch.prepare()).vote, 'yes')
      await watching.query(`kill ${thread}`)
      assert.deepEqual(await branch.finished(decision), done)
      assert.deepEqual(await preparedIn(watching), [])
      assert.equal(await count(), start + (decision === 'commit' ? 1 : 0))
    })

    test(`MY-3 a prepared branch that wrote nothing is done after a lost session (${decision})`, async () => {
      const branch = await tested.begin()
      await branch.client.query('select * from item')
      const thread = await threadOf(branch.client)
      branch.seal()
      const vote = await branch.prepare()
      assert.ok(vote.vote === 'yes')
      assert.match(String(vote.evidence), /^r\./)
      await watching.query(`kill ${thread}`)
      await until('the session is gone', async () => !(await isAlive(thread)))
      const { id } = branch
      const recovered = tested.participant.recover({ id, evidence: vote.evidence })
      assert.deepEqual(await recovered[decision](), done)
      assert.deepEqual(await branch.finished(decision), done)
      assert.deepEqual(await preparedIn(watching), [])
    })
  }

  test('MY-3 a branch that had written and was rolled back by the server is a heuristic', {
    skip: servers.flavour === 'mysql' && 'only MariaDB rolls such a branch back',
  }, async () => {
    // A branch that wrote nothing, with the evidence of one that did: 1402 is then no small thing.
    const { branch, evidence } = await tested.prepared('select * from item')
    const wrote = String(evidence).replace('r.', 'w.')
    const thread = Number(wrote.split('.')[1])
    await watching.query(`kill ${thread}`)
    await until('the session is gone', async () => !(await isAlive(thread)))
    const answer = await tested.participant.recover({ id: branch.id, evidence: wrote }).commit()
    assert.deepEqual(
      { ...answer, detail: '' },
      { result: 'heuristic', kind: 'rolled-back', detail: '' },
    )
    assert.deepEqual(await branch.finished('rollback'), done)
  })

  test('a session that is cut off during the work dooms the branch', async () => {
    const branch = await tested.begin()
    await branch.client.query(insert)
    await watching.query(`kill ${await threadOf(branch.client)}`)
    await until('the loss is noticed', () => branch.branch.doomed !== undefined)
    await branch.refusedVote()
    assert.deepEqual(await branch.branch.rollback(), done)
  })

  test('MY-2 a rollback while XA PREPARE is on its way leaves nothing that can land', async () => {
    const start = await count()
    const branch = await tested.begin()
    await branch.client.query(insert)
    const thread = await threadOf(branch.client)
    branch.seal()
    // A backup's lock: the server has read the statement, and works on it for as long as that holds.
    const backup = await watching.getConnection()
    await backup.query('flush tables with read lock')
    const voting = branch.prepare()
    await until('the vote waits at the server', async () =>
      (await rowsOf(watching, 'show processlist')).some(
        (row) => row.Id === thread && /prepare/i.test(String(row.Info)),
      ),
    )
    assert.deepEqual(await branch.finished('rollback'), done)
    assert.equal((await voting).vote, 'unknown')
    assert.equal(await isAlive(thread), false)
    await backup.query('unlock tables')
    backup.release()
    assert.deepEqual(await preparedIn(watching), [])
    assert.equal(await count(), start)
  })

  test('an XA PREPARE whose answer was lost is found and rolled back', async () => {
    const branch = await tested.begin()
    await branch.client.query(insert)
    const thread = await threadOf(branch.client)
    branch.seal()
    const raw = rawOf(pool, thread)
    const handle = raw.handlePacket.bind(raw)
    const deaf = (packet?: object): void => (packet === undefined ? handle() : undefined)
    Object.assign(raw, { handlePacket: deaf })
    const voting = branch.prepare()
    await until('it is prepared', async () =>
      (await preparedIn(watching)).includes(globalOf(branch.id)),
    )
    raw.stream.destroy()
    assert.equal((await voting).vote, 'unknown')
    assert.deepEqual(await branch.finished('rollback'), done)
    assert.deepEqual(await preparedIn(watching), [])
    assert.equal(await isAlive(thread), false)
  })

  test('A7 strangers are listed as text and told from ours exactly', async () => {
    const { branch } = await tested.prepared(insert)
    const other = await servers.database(server)
    await administer(other, 'create table item (id int primary key auto_increment)')
    const elsewhere = servers.pool(other)
    const stranger = await TestedParticipant.open(elsewhere)
    const theirs = await stranger.prepared(insert)
    const foreign = [`'test'`, `X'00ff','b',7`, `'${globalOf(branch.id)}','0',1095978580`]
    const raw = servers.pool(url)
    for (const xid of foreign) {
      const client = await raw.getConnection()
      await client.query(`xa start ${xid}`)
      await client.query(insert)
      await client.query(`xa end ${xid}`)
      await client.query(`xa prepare ${xid}`)
      client.destroy()
    }
    const seen = ((await tested.participant.listPrepared?.()) ?? []).map((each) => each.id)
    assert.deepEqual(
      seen.filter((each) => parseBranchId(each) !== undefined),
      [branch.id],
    )
    assert.equal(seen.length, 5)
    for (const text of [`'test','',1`, `X'00ff','b',7`]) assert.ok(seen.includes(text), text)
    // What is listed can be written into an XA statement as it stands.
    for (const xid of seen.filter((each) => /^'test'|^X'|,'0',/.test(each))) {
      await until(`${xid} is free`, () =>
        watching.query(`xa rollback ${xid}`).then(
          () => true,
          () => false,
        ),
      )
    }
    const astray = stranger.participant.recover({ id: branch.id, evidence: undefined })
    assert.deepEqual(await astray.rollback(), done)
    assert.deepEqual(
      await preparedIn(watching),
      [globalOf(branch.id), globalOf(theirs.branch.id)].sort(),
    )
    assert.deepEqual(await theirs.branch.branch.rollback(), done)
    assert.deepEqual(await branch.branch.commit(), done)
    await stranger.participant.close()
  })

  test('an absent branch is done if it is known to have voted, and else a hazard', async () => {
    const { id } = nextIds()
    const unknown = tested.participant.recover({ id, evidence: undefined })
    assert.equal(((await unknown.commit()) as { kind?: string }).kind, 'hazard')
    assert.deepEqual(await unknown.rollback(), done)
    const voted = tested.participant.recover({ id, evidence: 'w.1.1.' })
    assert.deepEqual(await voted.commit(), done)
  })

  test('an absent branch is a hazard at a server that has not come as far as its vote', {
    skip: servers.flavour === 'mysql' && 'MySQL before 8.0.30 does not tell how far it is',
  }, async () => {
    const { id } = nextIds()
    const lost = tested.participant.recover({ id, evidence: 'w.1.1.9000000000000000' })
    assert.equal(((await lost.commit()) as { kind?: string }).kind, 'hazard')
    const past = tested.participant.recover({ id, evidence: 'w.1.1.1' })
    assert.deepEqual(await past.commit(), done)
  })

  test('an absent branch at another server is not done', { skip: servers.notOurs }, async () => {
    const { branch, evidence } = await tested.prepared(insert)
    const elsewhere = await servers.start()
    await administer(elsewhere.url, `create database ${database}`)
    const opened: Connection[] = []
    let target = url
    const recovery = async (): Promise<Connection> => {
      const connection = await mysql.createConnection(target)
      opened.push(connection)
      return connection
    }
    const moved = await TestedParticipant.open(pool, { recovery })
    // The name moves to another server: the connections made from now on reach that one.
    target = databaseUrl(elsewhere.url, database)
    for (const connection of opened) connection.destroy()
    const again = moved.participant.recover({ id: branch.id, evidence })
    for (const decision of ['commit', 'rollback'] as const) {
      await until('it is told by the other server', async () => {
        const answer = await again[decision]()
        assert.equal(answer.result, 'unknown')
        return /the connection reaches the database mariadb\//.test(String(causeOf(answer)))
      })
    }
    assert.deepEqual(await branch.finished('commit'), done)
    await moved.participant.close()
  })

  test('delivers past a pool whose holders wait for what is prepared', async () => {
    const own = servers.pool(url, { connectionLimit: 1 })
    await own.query('insert into item values (1000000)')
    const participant = await TestedParticipant.open(own)
    const { branch, evidence } = await participant.prepared('delete from item where id = 1000000')
    const abandoned = participant.participant.recover({ id: branch.id, evidence })
    const others = Array.from({ length: 4 }, () =>
      pool.query('delete from item where id = 1000000'),
    )
    await until('the pool is full of waiters', async () => totalIn(pool) >= 4)
    assert.deepEqual(await abandoned.commit(), done)
    await Promise.all(others)
    assert.deepEqual(await branch.finished('commit'), done)
    await participant.participant.close()
  })

  test('many deliveries at once share the connections of its own', async () => {
    const prepared = await Promise.all([1, 2, 3, 4].map(() => tested.prepared(insert)))
    const answers = await Promise.all(
      prepared.flatMap(({ branch, evidence }) => {
        const recovered = tested.participant.recover({ id: branch.id, evidence })
        return [recovered.commit(), recovered.commit(), recovered.commit()]
      }),
    )
    // Told thrice at once, some find it held: unknown, never wrong.
    assert.ok(answers.every(({ result }) => result === 'done' || result === 'unknown'))
    for (const { branch } of prepared) assert.deepEqual(await branch.finished('commit'), done)
    await allIdle(pool)
  })
})

/** A pooled connection proper, as far as its answers are lost here. */
interface Raw {
  /** Without a packet it writes what waits. */
  handlePacket(packet?: object): void
  readonly stream: { destroy(): void }
}

/** The pooled connection proper of that number. */
function rawOf(pool: Pool, thread: number): Raw {
  type All = { length: number; get(index: number): { threadId: number } }
  const { _allConnections: all } = (pool as unknown as { pool: { _allConnections: All } }).pool
  for (let index = 0; index < all.length; index += 1) {
    const each = all.get(index)
    if (each.threadId === thread) return each as never
  }
  return assert.fail(`no connection ${thread}`)
}
