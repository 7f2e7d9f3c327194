/** Votes: when a yes is proved, when a no is, and what a person reads of it. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Pool, PoolClient } from 'pg'
import { codeOf } from '../../../src/core/errors.ts'
import type { Vote } from '../../../src/participants/contract.ts'
import { postgresSuite } from '../../harness/postgres.ts'
import { causeOf, done, nextIds, TestedParticipant } from '../../harness/postgres-branches.ts'
import { preparedIn } from '../../harness/postgres-conditions.ts'

await postgresSuite('votes of a PostgreSQL branch', (servers) => {
  let pool: Pool
  let tested: TestedParticipant
  let raw: PoolClient

  before(async () => {
    pool = servers.pool((await servers.shared()).url)
    pool.on('acquire', (client) => {
      raw = client
    })
    await pool.query('create table item (id int primary key, count int)')
    await pool.query('insert into item values (0, 0)')
    await pool.query(`create table part (id int primary key,
      item int references item (id) deferrable initially deferred)`)
    tested = await TestedParticipant.open(pool)
  })

  test('PG-1 a yes is the tag of PREPARE TRANSACTION, with the xid as evidence', async () => {
    const { branch, evidence } = await tested.prepared('insert into item values (1, 1)')
    assert.match(String(evidence), /^\d+$/)
    assert.deepEqual(await preparedIn(pool), [branch.id])
    assert.deepEqual(await branch.branch.commit(), done)
    assert.deepEqual(await preparedIn(pool), [])
    assert.equal((await pool.query('select from item where id = 1')).rowCount, 1)
  })

  test('PG-1 a failed transaction votes no, and its first error is the cause', async () => {
    const branch = await tested.begin()
    await assert.rejects(branch.client.query('select 1/0'), { code: '22012' })
    await assert.rejects(branch.client.query('select 1'), { code: 'ASSENT_TRANSACTION_DOOMED' })
    assert.equal(codeOf(branch.branch.doomed?.cause), '22012')
    assert.equal(codeOf(await branch.refusedVote()), '22012')
    assert.deepEqual(await branch.branch.rollback(), done)
  })

  test('PG-1 PREPARE in a text of several statements prepares even outside a transaction', async () => {
    // The trap that the savepoint in our text closes: the server's tag looks like a proof.
    const client = await pool.connect()
    const results = (await client.query(`select 1; prepare transaction 'empty'`)) as unknown
    assert.equal((results as { command: string }[])[1]?.command, 'PREPARE')
    await client.query(`rollback prepared 'empty'`)
    client.release()
  })

  for (const status of ['told', 'hidden'] as const) {
    test(`PG-1 a transaction that was ended behind our back votes no (status ${status})`, async () => {
      const branch = await tested.begin()
      await branch.client.query('insert into item values (2, 2)')
      if (status === 'hidden') Object.assign(raw, { getTransactionStatus: undefined })
      await raw.query('rollback')
      await branch.client.query('select 1')
      await branch.refusedVote()
      Reflect.deleteProperty(raw, 'getTransactionStatus')
      assert.deepEqual(await preparedIn(pool), [])
    })
  }

  test('PG-2 ids fit a gid, and a gid that is taken is a no', async () => {
    const ids = nextIds()
    assert.ok(ids.id.length <= 64)
    assert.match(ids.id, /^[a-z0-9.-]+$/)
    const first = await tested.begin(ids)
    await first.client.query('insert into item values (3, 3)')
    first.seal()
    assert.equal((await first.prepare()).vote, 'yes')
    const second = await tested.begin(ids)
    await second.client.query('insert into item values (4, 4)')
    assert.equal(codeOf(await second.refusedVote()), '42710')
    assert.deepEqual(await first.branch.rollback(), done)
  })

  test('PG-5 a branch that only read votes read-only, and ends in phase 2', async () => {
    for (const decision of ['commit', 'rollback'] as const) {
      const branch = await tested.sealed('select * from item', 'set local work_mem = 64')
      assert.deepEqual(await branch.prepare(), { vote: 'read-only', ended: false })
      assert.equal(raw.getTransactionStatus(), 'T')
      assert.deepEqual(await branch.branch[decision](), done)
      assert.equal(raw.getTransactionStatus(), 'I')
    }
  })

  test('PG-5 a branch without any statement votes read-only', async () => {
    for (let seen = 0; seen < 2; seen += 1) {
      const branch = await tested.sealed()
      const vote = await branch.prepare()
      assert.equal(vote.vote, 'read-only')
      assert.deepEqual(await branch.branch.commit(), done)
    }
  })

  test('PG-5 at SERIALIZABLE the commit of a reader is its vote', async () => {
    const branch = await tested.begin({ isolation: 'serializable' })
    await branch.client.query('select * from item')
    branch.seal()
    assert.deepEqual(await branch.prepare(), { vote: 'read-only', ended: true })
    assert.equal(raw.getTransactionStatus(), 'I')
    assert.equal(pool.idleCount, pool.totalCount)
  })

  test('PG-5 an advisory lock, a table lock or a writing function forces a real prepare', async () => {
    await pool.query(`create function add_item(int) returns void language sql
      as 'insert into item values ($1, 0)'`)
    const statements = [
      'select pg_advisory_xact_lock(7)',
      'lock table item in share mode',
      'select add_item(5)',
      'select * from item where id = 0 for update',
      'with i as (insert into item values (6, 0) returning id) select * from i',
    ]
    for (const statement of statements) {
      const { branch } = await tested.prepared(statement)
      assert.deepEqual(await preparedIn(pool), [branch.id], statement)
      assert.deepEqual(await branch.branch.rollback(), done)
    }
  })

  test('PG-5 a branch opened read-only is held to it', async () => {
    const branch = await tested.begin({ readOnly: true })
    await assert.rejects(branch.client.query('delete from item'), { code: '25006' })
    await branch.refusedVote()
  })

  test('PG-6 a deferred constraint fails the vote, and the rollback after it is done', async () => {
    const branch = await tested.sealed('insert into part values (1, 999)')
    const vote = await branch.prepare()
    assert.equal(vote.vote, 'no')
    assert.equal(codeOf(causeOf(vote)), '23503')
    assert.deepEqual(await branch.branch.rollback(), done)
    assert.equal(raw.getTransactionStatus(), 'I')
  })

  test('PG-12 a reply that leaves the transaction idle dooms the branch', async () => {
    const branch = await tested.begin()
    await branch.client.query('insert into item values (8, 8)')
    await raw.query('rollback')
    await branch.client.query('select 1')
    assert.match(String(branch.branch.doomed?.cause), /was ended by: select 1/)
    await assert.rejects(branch.client.query('insert into item values (8, 8)'), {
      code: 'ASSENT_TRANSACTION_DOOMED',
    })
    assert.match(String(await branch.refusedVote()), /was ended by/)
  })

  test('PG-12 a begin that does not begin is refused, and its connection closed', async () => {
    const other = servers.pool((await servers.shared()).url, { max: 1 })
    other.on('acquire', (client) => {
      const query = client.query.bind(client) as (text: unknown) => Promise<unknown>
      Object.assign(client, { query: () => query({ text: 'select 1' }) })
    })
    const odd = TestedParticipant.attach(other)
    await assert.rejects(odd.begin(), /BEGIN was answered SELECT/)
    assert.equal(other.totalCount, 0)
    await odd.participant.close()
  })

  test('PG-15 the first error stays the cause when a COMMIT in the failed part fails too', async () => {
    const branch = await tested.begin()
    await branch.client.query('begin')
    await assert.rejects(branch.client.query('select 1/0'), { code: '22012' })
    await assert.rejects(branch.client.query('commit'), { code: '25P02' })
    const { doomed } = branch.branch
    assert.equal(doomed, undefined)
    branch.seal()
    assert.equal(codeOf(branch.branch.doomed?.cause), '22012')
    const vote = await branch.prepare()
    assert.equal(vote.vote, 'no')
  })

  test('PG-15 returning to a savepoint heals what failed after it', async () => {
    const branch = await tested.begin()
    await branch.client.query('begin')
    await assert.rejects(branch.client.query('select 1/0'))
    const { command } = await branch.client.query('rollback')
    assert.equal(command, 'ROLLBACK')
    await branch.client.query('savepoint mine')
    await assert.rejects(branch.client.query('select 1/0'))
    await branch.client.query('rollback to mine')
    await branch.client.query('insert into item values (9, 9)')
    branch.seal()
    assert.equal((await branch.prepare()).vote, 'yes')
    assert.deepEqual(await branch.branch.rollback(), done)
  })

  test('a serialization failure keeps its code through the vote', async () => {
    const branches = await Promise.all(
      [1, 2].map(() => tested.begin({ isolation: 'serializable' })),
    )
    for (const [index, branch] of branches.entries()) {
      await branch.client.query('select sum(count) from item')
      await branch.client.query('insert into item values ($1, 0)', [20 + index])
    }
    const votes: Vote[] = []
    for (const branch of branches) {
      branch.seal()
      votes.push(await branch.prepare())
    }
    assert.deepEqual(
      votes.map((each) => each.vote),
      ['yes', 'no'],
    )
    assert.equal(codeOf(causeOf(votes[1])), '40001')
    assert.deepEqual(await branches[0]?.branch.rollback(), done)
  })

  test('one phase commits, or says why it did not', async () => {
    const good = await tested.sealed('insert into item values (30, 0)')
    assert.deepEqual(await good.branch.commitOnePhase(), { result: 'committed' })
    assert.equal((await pool.query('select from item where id = 30')).rowCount, 1)
    const bad = await tested.sealed('insert into part values (2, 999)')
    const ended = await bad.branch.commitOnePhase()
    assert.equal(ended.result, 'aborted')
    assert.equal(codeOf(causeOf(ended)), '23503')
    assert.equal(pool.idleCount, pool.totalCount)
  })

  test('one phase does not take the COMMIT of an ended transaction for its own', async () => {
    const branch = await tested.begin()
    await branch.client.query('insert into item values (31, 0)')
    Object.assign(raw, { getTransactionStatus: undefined })
    await raw.query('rollback')
    branch.seal()
    assert.equal((await branch.branch.commitOnePhase()).result, 'aborted')
    Reflect.deleteProperty(raw, 'getTransactionStatus')
  })

  test('rolls back what was begun and not voted on', async () => {
    const branch = await tested.begin()
    await branch.client.query('insert into item values (32, 0)')
    branch.seal()
    assert.deepEqual(await branch.branch.rollback(), done)
    assert.deepEqual(await branch.branch.rollback(), done)
    assert.equal((await pool.query('select from item where id = 32')).rowCount, 0)
    assert.equal(pool.idleCount, pool.totalCount)
  })
})
