/** Transfers that are executed without a callback: how they are drawn, given and read. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { missingFrom } from '../../scripts/simulate-report.ts'
import { drawBatches } from '../../src/simulation/batch-plan.ts'
import { expectedOccurrences } from '../../src/simulation/coverage.ts'
import { SeededRandom } from '../../src/simulation/random.ts'
import { batchesOf, drawExecution, readResults } from '../../src/simulation/workload/execution.ts'
import type { Leg, Transfer } from '../../src/simulation/workload/transfer.ts'
import { Stage } from './stage.ts'

const legs: readonly Leg[] = [
  { resource: 'db0', account: 'a0', amount: 5 },
  { resource: 'db1', account: 'a1', amount: 0 },
  { resource: 'db0', account: 'a2', amount: -5 },
]
const transfer: Transfer = {
  form: 'declared',
  legs,
  idle: ['db2'],
  isParallel: false,
  pauseMs: 0,
  fault: 'throws',
  faultAt: 'db0',
  nested: { legs, throws: true },
  inner: undefined,
  timeoutMs: 100,
  abortAfterMs: undefined,
  attempts: 3,
  readOnly: [],
  executesInside: false,
  makesStatements: false,
}
const always = { share: 1, insideShare: 0, readOnlyChance: 1, runsAtOnce: false, seed: 1 }

describe('a seed', () => {
  test('executes some transfers or none, and says the same each time', () => {
    const plans = Array.from({ length: 100 }, (_, seed) => drawBatches(seed))
    assert.deepEqual(
      plans,
      Array.from({ length: 100 }, (_, seed) => drawBatches(seed)),
    )
    const drawn = plans.filter((plan) => plan !== undefined)
    assert.ok(drawn.length > 40 && drawn.length < 90, `${drawn.length} of 100`)
    assert.ok(drawn.some(({ runsAtOnce }) => runsAtOnce))
    assert.ok(drawn.some(({ insideShare }) => insideShare > 0))
  })

  test('a run that never executes, or never with some end, is told so', () => {
    const all = new Map(expectedOccurrences.map((what) => [what, 1]))
    assert.deepEqual(missingFrom(all), [])
    for (const what of [
      'execute told committed',
      'execute told none',
      'execute told unknown',
      'execute inside a transaction',
      'batch vote lost, prepared',
    ]) {
      const without = new Map(all)
      without.delete(what)
      assert.deepEqual(missingFrom(without), [what])
    }
  })
})

describe('a transfer that is executed', () => {
  test('has no work of its own that could go wrong, and names what it only reads', () => {
    const drawn = drawExecution(new SeededRandom(1), always, transfer)
    const { form, fault, nested, idle, readOnly, attempts } = drawn
    assert.deepEqual(
      { form, fault, nested, idle },
      {
        form: 'execute',
        fault: 'none',
        nested: undefined,
        idle: [],
      },
    )
    assert.deepEqual([readOnly, attempts], [['db1'], 3])
  })

  test('or a part of its work is, with all that may go wrong around it', () => {
    const plan = { ...always, share: 0, insideShare: 1 }
    const drawn = drawExecution(new SeededRandom(1), plan, transfer)
    const { makesStatements } = drawn
    assert.deepEqual(drawn, { ...transfer, executesInside: true, makesStatements })
  })

  test('gives one statement as it is, and several as a list', () => {
    assert.deepEqual(batchesOf(legs, 'p0.0#1'), {
      db0: [
        ['add /* p0.0#1 */', ['a0', 5]],
        ['add /* p0.0#1 */', ['a2', -5]],
      ],
      db1: ['read /* p0.0#1 */', ['a1']],
    })
  })

  test('reads a number for one statement, a list of numbers for a list', () => {
    const batches = batchesOf(legs, 'p0.0#1')
    const stage = new Stage()
    const results = readResults(batches, { db0: [1, 2], db1: 3 }, stage.broken)
    assert.deepEqual(
      [...results],
      [
        ['db0', [1, 2]],
        ['db1', [3]],
      ],
    )
    assert.deepEqual(stage.rules, [])
    for (const given of [
      { db0: [1, 2] },
      { db0: [1, 2], db1: [3] },
      { db0: [1], db1: 3 },
      { db0: 1, db1: 3 },
      { db0: [1, undefined], db1: 3 },
    ]) {
      const strict = new Stage()
      readResults(batches, given, strict.broken)
      assert.deepEqual(strict.rules, ['program'], JSON.stringify(given))
    }
  })
})
