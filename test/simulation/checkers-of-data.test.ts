/** Each checker sees the breach that it is there for, and passes what is right. */
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'

import type { Outcome } from '../../src/core/decision.ts'
import type { LogIdentity, TransactionId } from '../../src/core/ids.ts'
import {
  isCommitted,
  judgeAtomicity,
  judgeTold,
  resourceWatch,
} from '../../src/simulation/checkers/atomicity.ts'
import type { DurableRecords } from '../../src/simulation/checkers/durable-records.ts'
import {
  type BegunBranch,
  Facts,
  type Told,
  type TransactionFacts,
} from '../../src/simulation/checkers/facts.ts'
import {
  type Asked,
  askOutcomes,
  judgeAnswer,
  judgeAnswerOf,
  judgeKept,
} from '../../src/simulation/checkers/outcomes.ts'
import { Owners } from '../../src/simulation/checkers/owners.ts'
import { Machine, Stage } from './stage.ts'

const id = 'sim.0123456789abc.1.1' as TransactionId
const committed: Told = { how: 'committed', settled: true }
const failed: Told = { how: 'failed', effect: 'none', code: 'ASSENT_TIMED_OUT' }
const changes = new Map([['a0', 5]])

const begun: BegunBranch = {
  resource: 'db0',
  canPrepare: true,
  isBatch: false,
  vote: undefined,
  isAsked: true,
  isSealed: true,
  isOnePhase: false,
  carries: undefined,
}

let stage: Stage
let facts: Facts
let found: TransactionFacts

beforeEach(() => {
  stage = new Stage()
  facts = new Facts()
  found = facts.begun(id, 'p0.0')
  found.intended = new Map([
    ['db0', changes],
    ['db1', changes],
  ])
})

/** What the resources say, in order. */
function happens(...events: readonly string[]): void {
  const watch = resourceWatch(facts, stage.broken)
  for (const event of events) {
    const [act, resource = '', by] = event.split(' ')
    const work = { id: `assent.${id}.${resource.slice(-1)}`, xid: resource, changes }
    const finisher = by === 'by-hand' ? 'operator' : 'participant'
    if (act === 'prepares') watch.prepared(resource, work)
    if (act === 'commits') watch.committed(resource, work, finisher)
    if (act === 'rolls-back') watch.rolledBack(resource, work, finisher)
  }
}

function judge(): string[] {
  judgeAtomicity(facts, stage.broken)
  return stage.rules
}

describe('atomicity', () => {
  test('holds where all committed, or none', () => {
    happens('commits db0', 'commits db1')
    assert.deepEqual(judge(), [])
    found.done.clear()
    happens('prepares db0', 'rolls-back db0')
    assert.deepEqual(judge(), [])
  })

  test('A1: one committed and another did not', () => {
    happens('commits db0', 'rolls-back db1')
    assert.deepEqual(judge(), ['A1'])
  })

  test('A1: one committed and another has nothing of it', () => {
    happens('commits db0')
    assert.deepEqual(judge(), ['A1'])
  })

  test('A1: work committed that did not return', () => {
    found.intended = undefined
    happens('commits db0')
    assert.deepEqual(judge(), ['A1'])
  })

  test('A1: what committed is not what the work meant', () => {
    found.intended = new Map([['db0', new Map([['a0', 6]])]])
    happens('commits db0')
    assert.deepEqual(judge(), ['A1'])
  })

  test('A1: a branch ends a second time', () => {
    happens('commits db0', 'rolls-back db0')
    assert.deepEqual(stage.rules, ['A1'])
  })

  test('what an operator of the database does by hand breaks nothing of ours', () => {
    happens('commits db0', 'rolls-back db1 by-hand')
    assert.deepEqual(judge(), [])
  })

  test('A6: prepared, and said to have voted no', () => {
    found.branches.set(0, { ...begun, vote: 'no' })
    happens('prepares db0')
    assert.deepEqual(stage.rules, ['A6'])
  })

  test('A6: prepared, and said to be rolled back, which only a batch has to rule out', () => {
    const branch = { ...begun, isGone: true }
    found.branches.set(0, branch)
    happens('prepares db0')
    assert.deepEqual(stage.rules, [])
    found.branches.set(0, { ...branch, isBatch: true })
    happens('prepares db0')
    assert.deepEqual(stage.rules, ['A6'])
  })

  test('what only read commits before anything is decided', () => {
    found.intended = new Map([['db1', changes]])
    const watch = resourceWatch(facts, stage.broken)
    const work = { id: `assent.${id}.0`, xid: 'x', changes: new Map() }
    watch.committed('db0', work, 'participant')
    happens('rolls-back db1')
    assert.equal(isCommitted(found), false)
    judgeTold(found, failed, stage.broken)
    assert.deepEqual(judge(), [])
  })
})

describe('what callers are told', () => {
  test('A6: no effect, and it has committed, now or later', () => {
    judgeTold(found, failed, stage.broken)
    assert.deepEqual(stage.rules, [])
    happens('commits db0', 'commits db1')
    assert.deepEqual(judge(), ['A6'])
    judgeTold(found, failed, stage.broken)
    assert.deepEqual(stage.rules, ['A6', 'A6'])
  })

  test('A6: committed, and it is nowhere', () => {
    happens('prepares db0', 'prepares db1')
    judgeTold(found, { ...committed, settled: false }, stage.broken)
    happens('rolls-back db0', 'rolls-back db1')
    assert.deepEqual(judge(), ['A6'])
  })

  test('A1: committed, and a resource was never asked', () => {
    happens('prepares db0')
    judgeTold(found, { ...committed, settled: false }, stage.broken)
    assert.deepEqual(stage.rules, ['A1'])
  })

  test('A10: settled, and a branch is still prepared', () => {
    happens('commits db0', 'prepares db1')
    judgeTold(found, committed, stage.broken)
    assert.deepEqual(stage.rules, ['A10'])
  })
})

describe('what is answered about outcomes', () => {
  test('A2: an answer that flips', () => {
    for (const [before, after] of [
      ['committed', 'aborted'],
      ['aborted', 'committed'],
      ['mixed', 'committed'],
      ['aborted', 'active'],
    ] as const) {
      const one = new Facts().begun(id, 'p0.0')
      const fresh = new Stage()
      judgeAnswer(one, before, fresh.broken)
      judgeAnswer(one, 'unknown', fresh.broken)
      assert.deepEqual(fresh.rules, [])
      judgeAnswer(one, after, fresh.broken)
      assert.deepEqual(fresh.rules, ['A2'], `${before}, then ${after}`)
    }
  })

  test('a heuristic counts only from who holds the log: nobody else can have recorded it', () => {
    const owners = new Owners(stage.broken)
    const [holder, other] = [new Machine('p0.0'), new Machine('p1.0')]
    owners.opened('0123456789abc' as LogIdentity, 1, holder)
    judgeAnswerOf(other, found, 'mixed', { owners, broken: stage.broken })
    judgeAnswerOf(holder, found, 'aborted', { owners, broken: stage.broken })
    assert.deepEqual(stage.rules, [])
    judgeAnswerOf(holder, found, 'mixed', { owners, broken: stage.broken })
    judgeAnswerOf(other, found, 'aborted', { owners, broken: stage.broken })
    assert.deepEqual(stage.rules, ['A2'])
  })

  test('A6: an answer against the data, or against what the caller was told', () => {
    happens('commits db0', 'commits db1')
    judgeAnswer(found, 'aborted', stage.broken)
    found.outcome = undefined
    found.told = failed
    judgeAnswer(found, 'committed', stage.broken)
    assert.deepEqual(stage.rules, ['A6', 'A6'])
  })

  const recorded = (decision: 'committed' | undefined, isMarked: boolean): DurableRecords =>
    ({ decisionOf: () => decision, isMarkedOnePhase: () => isMarked }) as unknown as DurableRecords
  const askedAs = (answer: Outcome): Asked => ({
    answers: new Map([[found, answer]]),
    areAnswered: () => true,
  })
  const kept = (durable: DurableRecords, keepsAll = true, isLate = false): string[] => {
    const isUnread = (): boolean => isLate
    const { broken } = stage
    judgeKept(askedAs('unknown'), { durable, isUnread, keepsAll, broken })
    return stage.rules
  }

  test('A9: unknown, though it was recorded', () => {
    assert.deepEqual(kept(recorded('committed', false)), ['A9'])
    assert.deepEqual(kept(recorded('committed', true)), ['A9', 'A9'])
  })

  test('A9: unknown, though its absence means aborted', () => {
    assert.deepEqual(kept(recorded(undefined, false)), ['A9'])
  })

  test('unknown is right where a one-phase commit left no record, or too much was kept', () => {
    assert.deepEqual(kept(recorded(undefined, true)), [])
    assert.deepEqual(kept(recorded('committed', false), false), [])
    assert.deepEqual(kept(recorded('committed', true), true, true), [], 'its row came late')
  })

  test('A10: somebody asked, and has no answer', async () => {
    const holder = { outcome: () => new Promise<Outcome>(() => undefined) }
    const { broken } = stage
    const asked = askOutcomes(facts, () => holder, broken)
    const durable = recorded(undefined, true)
    judgeKept(asked, { durable, isUnread: () => false, keepsAll: true, broken })
    assert.deepEqual(stage.rules, ['A10'])
    const nobody = askOutcomes(facts, () => undefined, broken)
    judgeKept(nobody, { durable, isUnread: () => false, keepsAll: true, broken })
    assert.deepEqual(stage.rules, ['A10'])
  })

  test('A10: active, and nothing is under way; A6: mixed, and nobody went astray', () => {
    const durable = recorded(undefined, true)
    for (const answer of ['active', 'mixed', 'hazard'] as const) {
      const isUnread = (): boolean => false
      judgeKept(askedAs(answer), { durable, isUnread, keepsAll: true, broken: stage.broken })
    }
    assert.deepEqual(stage.rules, ['A10', 'A6', 'A6'])
  })
})

describe('results', () => {
  const told = (...values: readonly number[]): Told => ({
    ...committed,
    results: new Map([['db0', values]]),
  })

  beforeEach(() => {
    const watch = resourceWatch(facts, stage.broken)
    for (const resource of ['db0', 'db1']) {
      const work = { id: `assent.${id}.${resource.slice(-1)}`, xid: resource, changes }
      watch.committed(resource, { ...work, answers: [105, 110, 105] }, 'participant')
    }
  })

  test('are what the database answered, all of it and in order', () => {
    judgeTold(found, told(105, 110, 105), stage.broken)
    assert.deepEqual(stage.rules, [])
    for (const values of [[105, 105, 110], [105, 110], [105, 110, 105, 1], [], [106, 110, 105]]) {
      stage = new Stage()
      judgeTold(found, told(...values), stage.broken)
      assert.deepEqual(stage.rules, ['program'], String(values))
    }
  })

  test('of a part of the work are among what the database answered', () => {
    found.resultsInside.push({ resource: 'db0', values: [110, 105] })
    judgeTold(found, committed, stage.broken)
    assert.deepEqual(stage.rules, [])
    found.resultsInside.push({ resource: 'db1', values: [110, 110] })
    judgeTold(found, committed, stage.broken)
    assert.deepEqual(stage.rules, ['program'])
  })

  test('are lost with an answer only, and what they are of has committed', () => {
    const lost: Told = { how: 'failed', effect: 'applied', code: 'ASSENT_RESULTS_LOST' }
    found.branches.set(0, { ...begun, isBatch: true, isOnePhase: true, onePhase: 'committed' })
    judgeTold(found, lost, stage.broken)
    assert.deepEqual(stage.rules, ['program'])
    stage = new Stage()
    found.branches.set(0, { ...begun, isBatch: true, carries: 'unknown' })
    judgeTold(found, lost, stage.broken)
    assert.deepEqual(stage.rules, [])
    found.done.clear()
    judgeTold(found, lost, stage.broken)
    assert.deepEqual([...new Set(stage.rules)], ['A1'])
    stage = new Stage()
    assert.deepEqual(judge(), ['A6'])
  })
})
