/** The checkers of what is left at the end see each breach, and pass what is right. */
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'

import type { LogIdentity, TransactionId } from '../../src/core/ids.ts'
import type { DurableRecords } from '../../src/simulation/checkers/durable-records.ts'
import { Facts, type TransactionFacts } from '../../src/simulation/checkers/facts.ts'
import {
  judgeListed,
  judgeVisible,
  type Remains,
  unfinishedBusiness,
} from '../../src/simulation/checkers/liveness.ts'
import { Owners } from '../../src/simulation/checkers/owners.ts'
import { Database } from '../../src/simulation/database/database.ts'
import type { SimulatedCoordinator } from '../../src/simulation/process/process.ts'
import { Strangers } from '../../src/simulation/strangers.ts'
import type { Surroundings } from '../../src/simulation/surroundings.ts'
import type { Caller } from '../../src/simulation/workload/caller.ts'
import type { Operator } from '../../src/simulation/workload/operator.ts'
import { Machine, Stage } from './stage.ts'

const log = '0123456789abc' as LogIdentity
const id = `sim.${log}.1.1` as TransactionId
const branch = `assent.${id}.0`

let stage: Stage
let database: Database
let found: TransactionFacts
let surroundings: Surroundings
let decision: 'committed' | undefined
let hasHeuristic: boolean

beforeEach(() => {
  stage = new Stage()
  const nothing = (): void => undefined
  database = new Database({
    name: 'db0',
    scheduler: stage.scheduler,
    random: stage.random,
    trace: stage.trace,
    observer: { prepared: nothing, committed: nothing, rolledBack: nothing },
    conditions: { forcedWriteMs: [1, 1], conflictChance: 0, noVoteChance: 0 },
    accounts: ['a0'],
    balance: 100,
    preparedLimit: 5,
    xidDigits: 1,
  })
  const facts = new Facts()
  found = facts.begun(id, 'p0.0')
  decision = undefined
  hasHeuristic = false
  surroundings = {
    facts,
    databases: [database],
    services: [],
    lastResources: [],
    owners: new Owners(stage.broken),
    plan: { isPatient: true },
    broken: stage.broken,
    allowedStrangers: new Set(),
    durable: {
      decisionOf: () => decision,
      hasHeuristic: () => hasHeuristic,
      isForgotten: () => false,
    } as unknown as DurableRecords,
  } as unknown as Surroundings
})

/** A coordinator that lists just these transactions. */
function listing(
  ...listed: readonly { state: string; heuristics: number }[]
): SimulatedCoordinator {
  const transactions = listed.map(({ state, heuristics }) => ({
    id,
    state,
    heuristics: Array.from({ length: heuristics }, () => ({})),
  }))
  return { transactions: () => transactions } as unknown as SimulatedCoordinator
}

function remains(over: Partial<Remains> = {}): Remains {
  const operator = { waiting: new Map() } as unknown as Operator
  return { surroundings, coordinators: [], callers: [], operator, ...over }
}

async function prepare(): Promise<void> {
  database.prepare({ id: branch, xid: database.begin(), changes: new Map() }, () => undefined)
  await stage.run(10)
}

describe('the world at rest', () => {
  test('has nothing unfinished', () => {
    const coordinators = [listing({ state: 'heuristic', heuristics: 1 })]
    assert.deepEqual(unfinishedBusiness(remains({ coordinators })), [])
  })

  test('is not there while a transaction is live, a branch prepared, or a log unattended', async () => {
    await prepare()
    const dead = new Machine('p0.0')
    surroundings.owners.opened(log, 1, dead)
    dead.isDead = true
    const coordinators = [listing({ state: 'committing', heuristics: 0 })]
    assert.deepEqual(unfinishedBusiness(remains({ coordinators })), [
      `${id} is committing`,
      `${branch} is prepared at db0`,
      `nobody has taken over the log ${log}`,
    ])
  })

  test('is not there while a caller or an operator waits at a living process', () => {
    const incarnation = new Machine('p0.0')
    const caller = { waiting: new Set(['p0.0#1']), incarnation } as unknown as Caller
    const operator = { waiting: new Map([['act 1', incarnation]]) } as unknown as Operator
    assert.equal(unfinishedBusiness(remains({ callers: [caller], operator })).length, 2)
    incarnation.isDead = true
    assert.deepEqual(unfinishedBusiness(remains({ callers: [caller], operator })), [])
  })
})

describe('what is listed', () => {
  test('A10: a recorded heuristic, until it is forgotten', () => {
    hasHeuristic = true
    judgeListed(remains({ coordinators: [listing({ state: 'heuristic', heuristics: 1 })] }))
    assert.deepEqual(stage.rules, [])
    judgeListed(remains({ coordinators: [listing()] }))
    assert.deepEqual(stage.rules, ['A10'])
    found.isForgotten = true
    judgeListed(remains({ coordinators: [listing()] }))
    assert.deepEqual(stage.rules, ['A10'])
  })

  test('A10: a branch rolled back by hand under a committed decision', () => {
    decision = 'committed'
    found.done.set('db0', { state: 'rolled-back', changes: new Map(), isByHand: true })
    judgeListed(remains({ coordinators: [listing()] }))
    assert.deepEqual(stage.rules, ['A10'])
  })

  test('A10: what is decided and not delivered, by whoever holds its log', () => {
    decision = 'committed'
    found.done.set('db0', { state: 'prepared', changes: new Map(), isByHand: false })
    const listed = listing({ state: 'committing', heuristics: 0 })
    judgeVisible(listed, () => true, surroundings)
    judgeVisible(listing(), () => false, surroundings)
    assert.deepEqual(stage.rules, [])
    judgeVisible(listing(), () => true, surroundings)
    assert.deepEqual(stage.rules, ['A10'])
  })
})

describe('strangers', () => {
  test('A7: one that was touched; not one that an operator settled', async () => {
    const strangers = new Strangers([database], stage.random)
    for (let index = 0; index < 20 && database.prepared.size === 0; index += 1) {
      strangers.plant(`${String(index).padStart(12, '0')}x` as LogIdentity)
      await stage.run(10)
    }
    const [stranger] = database.prepared.values()
    assert.ok(stranger !== undefined, 'none was planted')
    strangers.judge(surroundings)
    assert.deepEqual(stage.rules, [])
    database.finish(stranger, 'rollback', 'participant', () => undefined)
    await stage.run(10)
    strangers.judge(surroundings)
    assert.deepEqual(stage.rules, ['A7'])
    surroundings.allowedStrangers.add(stranger.id)
    strangers.judge(surroundings)
    assert.deepEqual(stage.rules, ['A7'])
  })
})
