/** A simulated database and its adapter, given all statements of a branch when it begins. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { BranchId, TransactionId } from '../../src/core/ids.ts'
import type {
  BatchBranch,
  BatchStatement,
  ParticipantPorts,
} from '../../src/participants/contract.ts'
import { DatabaseParticipant } from '../../src/simulation/database/participant.ts'
import { senderOf, sentIn, statementOf } from '../../src/simulation/database/statements.ts'
import type { Machine } from './stage.ts'
import { carry, key, rowOf, Tables } from './tables.ts'

const id = 'assent.sim.0123456789abc.1.1.0' as BranchId
const options = {
  id,
  transaction: 'sim.0123456789abc.1.1' as TransactionId,
  timeLeftMs: 200,
  isolation: undefined,
  readOnly: false,
}
const add: BatchStatement = statementOf('a0', 7, 'p0.0#1')
const read: BatchStatement = statementOf('a0', 0, 'p0.0#1')

class Bank extends Tables {
  readonly participant: DatabaseParticipant

  constructor(runsBatchesAtOnce = false, client?: Machine) {
    super()
    this.participant = new DatabaseParticipant({
      network: this.network,
      client: client ?? this.client,
      database: this.database,
      poolSize: 10,
      canCommitOnePhase: true,
      beginsLazily: false,
      runsBatchesAtOnce,
      broken: this.broken,
      count: () => undefined,
    })
    this.participant.attach({} as ParticipantPorts)
  }

  /** Also of what needs no event of the world. */
  override answer<Value>(promise: Promise<Value>): Promise<Value> {
    this.scheduler.after(0, () => undefined)
    return super.answer(promise)
  }

  /** A branch with these statements, sealed. */
  async begin(
    statements: readonly BatchStatement[],
    more: Partial<typeof options> = {},
  ): Promise<BatchBranch<number>> {
    const begun = this.participant.beginBatch({ ...options, ...more }, statements)
    const branch = await this.answer(begun)
    branch.seal()
    return branch
  }

  /** What the database was asked, without who asked. */
  get asked(): string[] {
    return this.trace.lines.flatMap((line) => line.match(/is asked by \S+: (.*)/)?.[1] ?? [])
  }

  get preparedIds(): string[] {
    return [...this.database.prepared.keys()]
  }
}

describe('a branch whose statements were all given', () => {
  test('sends them with its vote, in one message, and gives their results', async () => {
    const bank = new Bank()
    const branch = await bank.begin([read, add, read])
    assert.deepEqual(bank.asked, [], 'the database knows nothing of it yet')
    assert.deepEqual(branch.results, [])
    assert.deepEqual(await bank.answer(branch.prepare()), { vote: 'yes', evidence: 'db0-1' })
    assert.deepEqual(bank.asked, [`batch ${id}: read a0, add a0, read a0, prepare`])
    assert.deepEqual(branch.results, [100, 107, 107])
    assert.deepEqual(await bank.answer(branch.commit()), { result: 'done' })
    assert.deepEqual([bank.balance, bank.preparedIds], [107, []])
  })

  test('is prepared also where it wrote nothing, for nobody asks that first', async () => {
    const bank = new Bank()
    const branch = await bank.begin([read])
    assert.equal((await bank.answer(branch.prepare())).vote, 'yes')
    assert.deepEqual(bank.preparedIds, [id])
  })

  test('commits with them, in one message', async () => {
    const bank = new Bank()
    const branch = await bank.begin([add])
    assert.deepEqual(await bank.answer(branch.commitOnePhase()), { result: 'committed' })
    assert.deepEqual([bank.balance, branch.results], [107, [107]])
    assert.deepEqual(bank.asked, [`batch ${id}: add a0, commit`])
  })

  test('commits with them and with the decision, in one message', async () => {
    const bank = new Bank()
    await bank.held()
    const branch = await bank.begin([add])
    const row = rowOf(key, 'committed')
    assert.deepEqual(await bank.answer(branch.commitWithDecision?.(row) ?? fail()), {
      result: 'committed',
    })
    assert.equal(bank.decisionAt(key), 'committed')
    assert.deepEqual([bank.balance, branch.results], [107, [107]])
    assert.equal(bank.asked.at(-1), `batch ${id}: add a0, ${carry.type}`)
  })

  test('declared read-only commits, and that is its vote', async () => {
    const bank = new Bank()
    const branch = await bank.begin([read], { readOnly: true })
    assert.deepEqual(await bank.answer(branch.prepare()), { vote: 'read-only', ended: true })
    assert.deepEqual([branch.results, bank.preparedIds], [[100], []])
  })

  test('votes no for a statement that fails; what stands behind it is not run', async () => {
    const bank = new Bank()
    const holder = await bank.branch()
    const branch = await bank.begin([read, add, read])
    const cast = await bank.answer(branch.prepare())
    assert.equal(cast.vote, 'no')
    assert.equal(branch.failed?.statement, 1)
    assert.match(String(branch.failed?.cause), /55P03/)
    assert.deepEqual([bank.preparedIds, bank.asked.at(-1)], [[], 'rollback'])
    assert.ok(!holder.isLost)
    assert.deepEqual(await bank.answer(branch.rollback()), { result: 'done' })
  })

  test('aborts its commit for a statement that fails', async () => {
    const bank = new Bank()
    await bank.branch()
    const branch = await bank.begin([add])
    assert.equal((await bank.answer(branch.commitOnePhase())).result, 'aborted')
    assert.equal(bank.balance, 100)
  })

  test('has voted unknown when the answer is lost, prepared or not', async () => {
    const seen = new Set<number>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const bank = new Bank()
      const branch = await bank.begin([add])
      const voting = branch.prepare()
      await bank.run(seed / 4)
      bank.crash()
      assert.equal((await bank.answer(voting)).vote, 'unknown')
      seen.add(bank.preparedIds.length)
    }
    assert.deepEqual([...seen].sort(), [0, 1])
  })

  test('told to roll back while it waits for a lock, it never prepares after that', async () => {
    const bank = new Bank()
    const holder = await bank.branch()
    const branch = await bank.begin([add], { timeLeftMs: 5_000 })
    const voting = branch.prepare()
    await bank.run(20)
    assert.deepEqual(await bank.answer(branch.rollback()), { result: 'done' })
    assert.equal((await bank.answer(voting)).vote, 'unknown')
    holder.close()
    await bank.run(6_000)
    assert.deepEqual([bank.preparedIds, bank.database.locks.owners().size], [[], 0])
    assert.deepEqual([...bank.database.sessions], [])
  })

  test('told to roll back while it prepares, it waits for that, and rolls it back', async () => {
    const bank = new Bank()
    const branch = await bank.begin([add])
    const voting = branch.prepare()
    while (bank.asked.length === 0) await bank.run(0.5)
    const told = branch.rollback()
    assert.deepEqual(await bank.answer(told), { result: 'done' })
    assert.equal((await bank.answer(voting)).vote, 'unknown')
    await bank.run(1_000)
    assert.deepEqual([bank.preparedIds, bank.balance], [[], 100])
  })

  test('what arrives at a session that was ended is not carried out', async () => {
    const bank = new Bank()
    const late = bank.connect()
    const other = bank.connect()
    await bank.answer(bank.ask(other, { type: 'end-session', pid: late.pid }))
    void late.request({ type: 'identify' }).catch(() => undefined)
    await bank.run(1_000)
    assert.deepEqual(bank.asked, ['end-session'])
  })
})

describe('where statements run when their branch begins', () => {
  test('their results are there before the vote, which is a message of its own', async () => {
    const bank = new Bank(true)
    const branch = await bank.begin([add, read])
    assert.deepEqual(branch.results, [107, 107])
    assert.equal((await bank.answer(branch.prepare())).vote, 'yes')
    assert.deepEqual(bank.asked, [`begin ${id}`, 'add a0', 'read a0', 'prepare'])
  })

  test('one that fails dooms the branch, and is no failure of its beginning', async () => {
    const bank = new Bank(true)
    await bank.branch()
    const branch = await bank.begin([read, add])
    assert.equal(branch.failed?.statement, 1)
    assert.equal(branch.doomed?.cause, branch.failed?.cause)
  })
})

describe('inside a branch that has other work', () => {
  test('the statements run on its client, and the first failure is told', async () => {
    const bank = new Bank()
    const branch = await bank.answer(bank.participant.begin(options))
    const { client } = branch as { client: Parameters<DatabaseParticipant['runBatch']>[0] }
    const results = await bank.answer(bank.participant.runBatch(client, [add, read]))
    assert.deepEqual(results, [107, 107])
    const other = { ...options, id: `${id}0` as BranchId }
    const { client: second } = (await bank.answer(bank.participant.begin(other))) as typeof branch
    const refused = bank.participant.runBatch(second as typeof client, [read, add])
    await assert.rejects(bank.answer(refused), { code: '55P03' })
  })

  test('a text tells who sends it', () => {
    assert.deepEqual(senderOf([add, read]), ['p0.0#1', undefined])
    const sender = sentIn(options.transaction, 'p0.0#1')
    assert.deepEqual(senderOf([statementOf('a0', 1, sender)]), ['p0.0#1', options.transaction])
  })
})

function fail(): never {
  throw new Error('this database keeps decisions')
}
