/** The checker between the coordinator and a participant sees each breach, and passes what is right. */
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'

import type { DecisionRow } from '../../src/core/decision-table.ts'
import {
  type BranchId,
  formatBranchId,
  type LogIdentity,
  type TransactionId,
} from '../../src/core/ids.ts'
import { encodeRecords } from '../../src/log/participant/record-bytes.ts'
import type {
  Acknowledgement,
  BatchBranch,
  Branch,
  OnePhaseResult,
  Participant,
  Vote,
} from '../../src/participants/contract.ts'
import type { DurableRecords } from '../../src/simulation/checkers/durable-records.ts'
import { type BranchFact, Facts } from '../../src/simulation/checkers/facts.ts'
import { Owners } from '../../src/simulation/checkers/owners.ts'
import { watchedParticipant } from '../../src/simulation/checkers/participant-watch.ts'
import { sentIn, statementOf } from '../../src/simulation/database/statements.ts'
import { Machine, Stage } from './stage.ts'

const log = '0123456789abc' as LogIdentity
const transaction = `sim.${log}.1.1` as TransactionId
const yes: Vote = { vote: 'yes', evidence: undefined }
const done: Acknowledgement = { result: 'done' }

let stage: Stage
let facts: Facts
let owners: Owners
let one: Machine
/** What is durable: the test says. */
let disk: {
  decision: 'committed' | 'aborted' | undefined
  intent: boolean
  mark: boolean
  resources: boolean
}
let isRuledOut: boolean
/** Whether a branch that votes yes is prepared at its resource. */
let isProved: boolean
let areDecisionsCarried: boolean
/** What the deciding branch answers. */
let carried: OnePhaseResult

beforeEach(() => {
  stage = new Stage()
  facts = new Facts()
  owners = new Owners(stage.broken)
  one = new Machine('p0.0')
  owners.opened(log, 1, one)
  disk = { decision: undefined, intent: false, mark: false, resources: true }
  isRuledOut = false
  isProved = true
  areDecisionsCarried = false
  carried = { result: 'committed' }
})

function watched(resource: string, vote: Vote, by: Machine = one): Participant {
  const canPrepare = !resource.startsWith('last')
  const branch = {
    client: {},
    seal: () => [],
    doomed: undefined,
    prepare: () => {
      const prepared: BranchFact = { state: 'prepared', changes: new Map(), isByHand: false }
      if (vote.vote === 'yes' && isProved) facts.get(transaction)?.done.set(resource, prepared)
      return Promise.resolve(vote)
    },
    commitOnePhase: () => Promise.resolve({ result: 'committed' }),
    commitWithDecision: () => Promise.resolve(carried),
    commit: () => Promise.resolve(done),
    rollback: () => Promise.resolve(done),
  } as unknown as Branch
  const participant = {
    kind: 'test',
    canPrepare,
    canCommitOnePhase: true,
    begin: () => Promise.resolve(branch),
    beginBatch: () => Promise.resolve(Object.assign(branch, { results: [7], failed: undefined })),
    runBatch: () => Promise.resolve([8]),
    recover: () => branch,
  } as unknown as Participant
  return watchedParticipant(participant, {
    resource,
    by,
    facts,
    owners,
    durable: {
      decisionOf: () => disk.decision,
      hasIntent: () => disk.intent,
      isMarkedOnePhase: () => disk.mark,
      hasResource: () => disk.resources,
    } as unknown as DurableRecords,
    broken: stage.broken,
    count: () => undefined,
    isRuledOut: () => isRuledOut,
    areDecisionsCarried,
    allowedStrangers: new Set(['assent.other.0123456789abc.1.1.0']),
  })
}

function begin(resource: string, number: number, vote: Vote = yes): Promise<Branch> {
  return watched(resource, vote).begin({
    id: formatBranchId(transaction, number),
    transaction,
    timeLeftMs: 1_000,
    isolation: undefined,
    readOnly: false,
  })
}

/** Two branches that have voted. */
async function voted(...votes: readonly Vote[]): Promise<Branch[]> {
  const branches = await Promise.all(
    votes.map((vote, number) => begin(`db${number}`, number, vote)),
  )
  for (const branch of branches) branch.seal()
  for (const branch of branches) await branch.prepare()
  return branches
}

/** The row of this transaction's decision, which names the branches with these numbers. */
function rowNaming(...branches: readonly number[]): DecisionRow {
  const key = { epoch: 1, counter: 1 }
  const record = encodeRecords([
    {
      type: 'decided',
      transaction: key,
      decision: 'committed',
      protocol: 'two-phase',
      wallMs: 0,
      branches: branches.map((branch) => ({ branch, resource: branch, evidence: undefined })),
    },
  ])
  return { log, transaction: key, decision: 'committed', record }
}

/** A branch that has voted yes, and the one that is to carry the decision. */
async function deciding(
  vote: Vote = yes,
): Promise<{ readonly other: Branch; readonly own: Branch }> {
  areDecisionsCarried = true
  const other = await begin('db0', 0, vote)
  const own = await begin('db1', 1)
  other.seal()
  own.seal()
  await other.prepare()
  return { other, own }
}

describe('a transaction that keeps the rules', () => {
  test('is passed: votes, a durable decision, then commits', async () => {
    const branches = await voted(yes, { vote: 'read-only', ended: false })
    disk.decision = 'committed'
    for (const branch of branches) await branch.commit()
    assert.deepEqual(stage.rules, [])
  })

  test('is passed with a last resource, behind its intent', async () => {
    const branch = await begin('db0', 0)
    const last = await begin('last0', 1)
    branch.seal()
    last.seal()
    await branch.prepare()
    disk.intent = true
    await last.commitOnePhase()
    disk.decision = 'committed'
    await branch.commit()
    assert.deepEqual(stage.rules, [])
  })

  test('is passed with a branch that carries the decision', async () => {
    const { other, own } = await deciding()
    await own.commitWithDecision?.(rowNaming(0))
    disk.decision = 'committed'
    await other.commit()
    assert.deepEqual(stage.rules, [])
  })

  test('is passed when that branch has refused, or was presumed aborted', async () => {
    const refused = await deciding()
    carried = { result: 'aborted', cause: undefined }
    await refused.own.commitWithDecision?.(rowNaming(0))
    await refused.other.rollback()
    facts = new Facts()
    const silent = await deciding()
    carried = { result: 'unknown', cause: undefined }
    await silent.own.commitWithDecision?.(rowNaming(0))
    disk.decision = 'aborted'
    await silent.other.rollback()
    assert.deepEqual(stage.rules, [])
  })

  test('is passed with a single branch, behind the mark', async () => {
    const branch = await begin('db0', 0)
    branch.seal()
    disk.mark = true
    await branch.commitOnePhase()
    assert.deepEqual(stage.rules, [])
  })
})

describe('what is executed without a callback', () => {
  const statements = [statementOf('a0', 5, 'p0.0#1')]
  const intended = new Map([['db0', new Map([['a0', 5]])]])
  const told: string[] = []

  /** Its branch at db0, begun with all its statements. */
  async function executed(): Promise<BatchBranch> {
    facts.expect('p0.0#1', { intended, onBegun: (id) => told.push(id) })
    const options = { transaction, timeLeftMs: 1_000, isolation: undefined, readOnly: false }
    const id = formatBranchId(transaction, 0)
    const begun = await watched('db0', yes).beginBatch?.({ ...options, id }, statements)
    assert.ok(begun !== undefined)
    return begun
  }

  test('is known by its sender when its first branch begins, once', async () => {
    await executed()
    const found = facts.get(transaction)
    assert.deepEqual([found?.isExecuted, found?.intended], [true, intended])
    facts.executes(found ?? assert.fail(), 'p0.0#1')
    facts.executes(facts.begun(`sim.${log}.1.2` as TransactionId, 'p0.0'), 'nobody')
    assert.deepEqual(told, [transaction])
    assert.equal(facts.get(`sim.${log}.1.2`)?.isExecuted, false)
  })

  test('may not begin with statements that were made for another transaction', async () => {
    const other = sentIn(`sim.${log}.1.2` as TransactionId, 'p0.0#1')
    const options = { transaction, timeLeftMs: 1_000, isolation: undefined, readOnly: false }
    const begins = async (sender: string, number: number): Promise<void> => {
      const id = formatBranchId(transaction, number)
      await watched('db0', yes).beginBatch?.({ ...options, id }, [statementOf('a0', 5, sender)])
    }
    await begins(sentIn(transaction, 'p0.0#1'), 0)
    assert.deepEqual(stage.rules, [])
    await begins(other, 1)
    assert.deepEqual(stage.rules, ['program'])
  })

  test('is passed on with its results, and inside other work', async () => {
    const branch = await executed()
    assert.deepEqual([branch.results, branch.failed], [[7], undefined])
    assert.deepEqual(await watched('db0', yes).runBatch?.({}, statements), [8])
  })

  test('is judged like any other: its vote, its commit, its rollback', async () => {
    const branch = await executed()
    await branch.prepare()
    assert.deepEqual(stage.rules, ['A4'])
    branch.seal()
    await branch.rollback()
    const begun = facts.get(transaction)?.branches.get(0)
    assert.deepEqual([begun?.isBatch, begun?.vote, begun?.isGone], [true, 'yes', true])
    disk.mark = true
    await branch.commitOnePhase()
    assert.equal(begun?.onePhase, 'committed')
  })
})

describe('a breach', () => {
  test('A1: commit under aborted, and roll back under committed', async () => {
    const [first, second] = await voted(yes, yes)
    disk.decision = 'aborted'
    await first?.commit()
    disk.decision = 'committed'
    await second?.rollback()
    assert.deepEqual(stage.rules, ['A1', 'A1'])
  })

  test('A3: commit before the decision is durable', async () => {
    const [first] = await voted(yes, yes)
    await first?.commit()
    assert.deepEqual(stage.rules, ['A3'])
  })

  test('A3: the last resource commits before the intent is durable', async () => {
    const last = await begin('last0', 1)
    const first = await begin('db0', 0)
    first.seal()
    last.seal()
    await first.prepare()
    await last.commitOnePhase()
    assert.deepEqual(stage.rules, ['A3'])
  })

  test('A4: a branch begins after a vote was asked; a client is open while one is', async () => {
    await voted(yes)
    await begin('db1', 1)
    assert.deepEqual(stage.rules, ['A4'])
    stage = new Stage()
    facts = new Facts()
    const open = await begin('db0', 0)
    await open.prepare()
    assert.deepEqual(stage.rules, ['A4'])
  })

  test('A5: commit although a vote is missing, was lost, or was a no', async () => {
    for (const vote of ['unknown', 'no'] as const) {
      stage = new Stage()
      facts = new Facts()
      const [first] = await voted(yes, { vote, cause: undefined })
      disk.decision = 'committed'
      await first?.commit()
      assert.deepEqual(stage.rules, ['A5'])
    }
  })

  test('A5: a yes of a branch that was not prepared', async () => {
    isProved = false
    await voted(yes)
    assert.deepEqual(stage.rules, ['A5'])
  })

  test('A6: roll back while the last resource may have committed', async () => {
    const last = await begin('last0', 1)
    const first = await begin('db0', 0)
    first.seal()
    last.seal()
    await first.prepare()
    disk.intent = true
    await last.commitOnePhase()
    isRuledOut = true
    await first.rollback()
    assert.deepEqual(stage.rules, [])
    isRuledOut = false
    await first.rollback()
    assert.deepEqual(stage.rules, ['A6'])
  })

  test('A7: a prepared branch of a log that another holds, or that is no log of ours', async () => {
    const [branch] = await voted(yes)
    one.isDead = true
    const other = new Machine('p1.0')
    const recovered = watched('db0', yes, other).recover
    await recovered({ id: formatBranchId(transaction, 0), evidence: undefined }).rollback()
    assert.deepEqual(stage.rules, ['A7'])
    for (const id of ['assent.other.0123456789abc.1.1.0', 'assent.sim.xxxxxxxxxxxxx.1.1.0']) {
      await recovered({ id: id as BranchId, evidence: undefined }).rollback()
    }
    assert.deepEqual(stage.rules, ['A7', 'A7'], 'the first of them is allowed')
    assert.ok(branch !== undefined)
  })

  test('A8: a branch id is begun twice, or by another process', async () => {
    await begin('db0', 0)
    await begin('db0', 0)
    assert.deepEqual(stage.rules, ['A8'])
    const other = new Machine('p1.0')
    one.isDead = true
    owners.opened(log, 2, other)
    const id = formatBranchId(transaction, 7)
    const options = { transaction, timeLeftMs: 1, isolation: undefined, readOnly: false }
    await watched('db0', yes, other).begin({ id, ...options })
    assert.deepEqual(stage.rules, ['A8', 'A8'])
  })

  test('A9: one phase, and the log would still call its absence an abort', async () => {
    const branch = await begin('db0', 0)
    branch.seal()
    await branch.commitOnePhase()
    assert.deepEqual(stage.rules, ['A9'])
  })

  test('A3: the others are told before the row of the decision is durable', async () => {
    const { other, own } = await deciding()
    await own.commitWithDecision?.(rowNaming(0))
    await other.commit()
    assert.deepEqual(stage.rules, ['A3'])
  })

  test('A5: the decision is sent before every vote is in', async () => {
    const { own } = await deciding({ vote: 'unknown', cause: undefined })
    await own.commitWithDecision?.(rowNaming(0))
    assert.deepEqual(stage.rules, ['A5'])
  })

  test('A6: roll back while the deciding branch may have committed', async () => {
    const { other, own } = await deciding()
    carried = { result: 'unknown', cause: undefined }
    await own.commitWithDecision?.(rowNaming(0))
    await other.rollback()
    assert.deepEqual(stage.rules, ['A6'])
  })

  test('A9: an orphan is rolled back, and its absence was not made final', async () => {
    await deciding()
    one.isDead = true
    const next = new Machine('p1.0')
    owners.opened(log, 2, next)
    const orphan = watched('db0', yes, next).recover({
      id: formatBranchId(transaction, 0),
      evidence: undefined,
    })
    await orphan.rollback()
    assert.deepEqual(stage.rules, ['A9'])
    disk.decision = 'aborted'
    await orphan.rollback()
    assert.deepEqual(stage.rules, ['A9'])
  })

  test('A10: the row names not every branch, or a resource that nobody will know', async () => {
    const forgetful = await deciding()
    await forgetful.own.commitWithDecision?.(rowNaming())
    facts = new Facts()
    const hasty = await deciding()
    disk.resources = false
    await hasty.own.commitWithDecision?.(rowNaming(0))
    assert.deepEqual(stage.rules, ['A10', 'A10'])
  })

  test("A2: the row is another transaction's, or sent twice", async () => {
    const { own } = await deciding()
    await own.commitWithDecision?.({ ...rowNaming(0), transaction: { epoch: 1, counter: 9 } })
    await own.commitWithDecision?.(rowNaming(0))
    assert.deepEqual(stage.rules, ['A2', 'A2'])
  })

  test('what a dead process still computes is no breach', async () => {
    const [first] = await voted(yes, yes)
    one.isDead = true
    await first?.commit()
    assert.deepEqual(stage.rules, [])
  })
})
