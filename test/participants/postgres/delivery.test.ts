/** Phase 2 away from the session that prepared, and what an absent branch proves. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { before, test } from 'node:test'
import type { Pool, PoolClient } from 'pg'
import { formatBranchId, parseBranchId } from '../../../src/core/ids.ts'
import { type PostgresServer, postgresSuite, roleUrl } from '../../harness/postgres.ts'
import { causeOf, done, nextIds, TestedParticipant } from '../../harness/postgres-branches.ts'
import { preparedIn, until } from '../../harness/postgres-conditions.ts'

await postgresSuite('delivery to a PostgreSQL branch', (servers) => {
  let server: PostgresServer
  let pool: Pool
  let tested: TestedParticipant
  let raw: PoolClient

  before(async () => {
    server = await servers.shared()
    pool = servers.pool(server.url)
    pool.on('acquire', (client) => {
      raw = client
    })
    await pool.query('create table item (id serial primary key)')
    tested = await TestedParticipant.open(pool)
  })

  const insert = 'insert into item default values'
  const count = async (): Promise<number> =>
    (await pool.query('select count(*)::int as count from item')).rows[0].count

  test('PG-3 the sight of prepared branches ends at the database', async () => {
    const other = servers.pool(await servers.database(server))
    const elsewhere = await TestedParticipant.open(other)
    const { branch, evidence } = await tested.prepared(insert)
    assert.deepEqual(await elsewhere.participant.listPrepared?.(), [])
    const seen = await tested.participant.listPrepared?.()
    assert.deepEqual(
      seen?.map(({ id }) => id),
      [branch.id],
    )
    const astray = elsewhere.participant.recover({ id: branch.id, evidence })
    for (const answer of [await astray.commit(), await astray.rollback()]) {
      assert.equal(answer.result, 'unknown')
      assert.match(String(causeOf(answer)), /belongs to another database/)
    }
    assert.deepEqual(await branch.branch.commit(), done)
    await elsewhere.participant.close()
  })

  test('PG-3 a branch prepared under SET ROLE is finished by whoever may take the role', async () => {
    await pool.query('create role clerk')
    await pool.query('grant insert on item to clerk')
    await pool.query('grant usage on sequence item_id_seq to clerk')
    await pool.query(`create role teller login password 'known'`)
    await pool.query('grant clerk to teller')
    const start = await count()
    const tellers = servers.pool(roleUrl(server.url, 'teller', 'known'), { max: 1 })
    const teller = await TestedParticipant.open(tellers)
    const { branch } = await teller.prepared('set local role clerk', insert)
    assert.deepEqual(await branch.branch.commit(), done)
    assert.equal((await tellers.query('select current_user')).rows[0].current_user, 'teller')
    assert.equal(await count(), start + 1)
    // A role that may not: it stays prepared, and the answer says who could.
    const second = await teller.prepared('set local role clerk', insert)
    await pool.query('revoke clerk from teller')
    const answer = await second.branch.branch.commit()
    assert.equal(answer.result, 'unknown')
    assert.match(String(causeOf(answer)), /prepared by the role 'clerk'.*superuser/)
    const { id } = second.branch
    assert.deepEqual(
      await tested.participant.recover({ id, evidence: second.evidence }).commit(),
      done,
    )
    assert.deepEqual(await second.branch.branch.commit(), done)
    await teller.participant.close()
  })

  for (const decision of ['commit', 'rollback'] as const) {
    test(`PG-7 a session that is cut off before the ${decision} is replaced`, async () => {
      const start = await count()
      const { branch } = await tested.prepared(insert)
      await raw.query('select pg_terminate_backend(pg_backend_pid())').catch(() => undefined)
      assert.deepEqual(await branch.finished(decision), done)
      assert.deepEqual(await preparedIn(pool), [])
      assert.equal(await count(), start + (decision === 'commit' ? 1 : 0))
    })
  }

  test('PG-7 a session that is cut off during the work dooms the branch', async () => {
    const branch = await tested.begin()
    await branch.client.query(insert)
    const [{ pid }] = (await branch.client.query('select pg_backend_pid() as pid')).rows as [
      { pid: number },
    ]
    await pool.query('select pg_terminate_backend($1)', [pid])
    await until('the loss is noticed', () => branch.branch.doomed !== undefined)
    await branch.refusedVote()
    assert.deepEqual(await branch.branch.rollback(), done)
  })

  test('PG-8 a rollback while PREPARE is on its way leaves nothing that can land', async () => {
    const start = await count()
    const hasty = await TestedParticipant.open(pool, { answerTimeoutMs: 1_000 })
    const branch = await hasty.begin()
    await branch.client.query(insert)
    const [{ pid }] = (await branch.client.query('select pg_backend_pid() as pid')).rows as [
      { pid: number },
    ]
    branch.seal()
    // The server process does not read what it is sent, and can't be ended either.
    process.kill(pid, 'SIGSTOP')
    const voting = branch.prepare()
    const first = await branch.branch.rollback()
    assert.equal(first.result, 'unknown')
    assert.match(String(causeOf(first)), /was told to end, and is there/)
    assert.equal((await voting).vote, 'unknown')
    process.kill(pid, 'SIGCONT')
    assert.deepEqual(await branch.finished('rollback'), done)
    assert.deepEqual(await preparedIn(pool), [])
    assert.equal(await count(), start)
    await hasty.participant.close()
  })

  test('PG-8 a PREPARE whose answer was lost is found and rolled back', async () => {
    const branch = await tested.begin()
    await branch.client.query(insert)
    branch.seal()
    const { stream } = (raw as unknown as { connection: { stream: Socket } }).connection
    stream.pause()
    const voted = branch.prepare()
    await until('it is prepared', async () => (await preparedIn(pool)).length === 1)
    stream.destroy()
    assert.equal((await voted).vote, 'unknown')
    assert.deepEqual(await preparedIn(pool), [branch.id])
    assert.deepEqual(await branch.branch.rollback(), done)
    assert.deepEqual(await preparedIn(pool), [])
  })

  test('PG-9 prepared branches are listed with the time they were prepared at', async () => {
    const { branch } = await tested.prepared(insert)
    const [{ now }] = (await pool.query('select now()')).rows as [{ now: Date }]
    const [seen] = (await tested.participant.listPrepared?.()) ?? []
    assert.ok(seen?.preparedAtMs !== undefined)
    assert.ok(Math.abs(seen.preparedAtMs - now.getTime()) < 60_000, String(seen.preparedAtMs))
    await branch.branch.rollback()
  })

  test('PG-17 a branch that somebody else finished is told from one that we did', async () => {
    const wrongly = await tested.prepared(insert)
    await pool.query(`rollback prepared '${wrongly.branch.id}'`)
    const answer = await wrongly.branch.branch.commit()
    assert.deepEqual(
      { ...answer, detail: '' },
      { result: 'heuristic', kind: 'rolled-back', detail: '' },
    )
    assert.deepEqual(await wrongly.branch.branch.commit(), answer)
    const rightly = await tested.prepared(insert)
    await pool.query(`commit prepared '${rightly.branch.id}'`)
    assert.deepEqual(await rightly.branch.branch.commit(), done)
    const against = await tested.prepared(insert)
    await pool.query(`commit prepared '${against.branch.id}'`)
    const second = await against.branch.branch.rollback()
    assert.equal((second as { kind?: string }).kind, 'committed')
  })

  test('PG-17 an xid that proves nothing is a hazard', async () => {
    const { id } = nextIds()
    const kinds: unknown[] = []
    for (const evidence of ['3', '4000000000', undefined]) {
      const answer = await tested.participant.recover({ id, evidence }).commit()
      kinds.push((answer as { kind?: string }).kind)
    }
    assert.deepEqual(kinds, ['hazard', 'hazard', 'hazard'])
    assert.deepEqual(await tested.participant.recover({ id, evidence: undefined }).rollback(), done)
  })

  test('PG-18 an unknown branch at another server is not done', async () => {
    const elsewhere = await servers.start()
    const { branch, evidence } = await tested.prepared(insert)
    // The name moves to another server: the connections made from now on reach that one.
    const moving = servers.pool(server.url)
    const moved = await TestedParticipant.open(moving)
    Object.assign(moving.options, { connectionString: elsewhere.url })
    await servers.pool(server.url).query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'assent'`,
    )
    for (const decision of ['commit', 'rollback'] as const) {
      const answer = await moved.participant.recover({ id: branch.id, evidence })[decision]()
      assert.equal(answer.result, 'unknown')
    }
    assert.match(
      String(causeOf(await moved.participant.recover({ id: branch.id, evidence }).commit())),
      /the connection reaches the database postgresql\/\d+\/\d+, and the branch is in/,
    )
    assert.equal((await moved.participant.check()).status, 'unavailable')
    assert.deepEqual(await branch.branch.commit(), done)
    await moved.participant.close()
  })

  test('PG-19 ids are told apart exactly, not by their beginning', async () => {
    const { id } = nextIds()
    const mine = parseBranchId(id)
    assert.ok(mine !== undefined)
    const stranger = id.replace('assent.test.', 'assent.test-eu.')
    const { branch } = await tested.prepared(insert)
    const client = await pool.connect()
    for (const gid of [stranger, `${stranger}x`, 'test']) {
      await client.query(`begin; insert into item default values; prepare transaction '${gid}'`)
    }
    const seen = ((await tested.participant.listPrepared?.()) ?? []).map((each) => each.id)
    const ours = seen.filter((each) => parseBranchId(each)?.installation === mine.installation)
    assert.equal(seen.length, 4)
    assert.deepEqual(ours, [branch.id])
    for (const gid of [stranger, `${stranger}x`, 'test']) {
      await client.query(`rollback prepared '${gid}'`)
    }
    client.release()
    assert.match(formatBranchId(nextIds().transaction, 1), /^[a-z0-9.-]+$/)
    await branch.branch.rollback()
  })

  test('delivers past a pool whose holders wait for what is prepared', async () => {
    const own = servers.pool(server.url, { max: 1 })
    await own.query('insert into item values (-1)')
    const participant = await TestedParticipant.open(own)
    const { branch, evidence } = await participant.prepared('delete from item where id = -1')
    // The coordinator that prepared is gone, and its session with it.
    const abandoned = participant.participant.recover({ id: branch.id, evidence })
    const others = Array.from({ length: 4 }, () => pool.query('delete from item where id = -1'))
    const watching = servers.pool(server.url)
    await until('the pool is full of waiters', async () => {
      const { rows } = await watching.query(
        'select count(*)::int as waiting from pg_locks where not granted',
      )
      return rows[0].waiting >= 4
    })
    assert.deepEqual(await abandoned.commit(), done)
    await Promise.all(others)
    assert.deepEqual(await branch.branch.commit(), done)
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
    // Told thrice at once, some find it busy: unknown, never wrong.
    assert.ok(answers.every(({ result }) => result === 'done' || result === 'unknown'))
    for (const { branch } of prepared) assert.deepEqual(await branch.branch.commit(), done)
    assert.equal(pool.idleCount, pool.totalCount)
  })
})
