import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { nodeHost } from '../../scripts/simulate-host.ts'
import { runSeeds } from '../../scripts/simulate-pool.ts'
import { describeFailure } from '../../scripts/simulate-report.ts'
import { simulate } from '../../src/simulation/simulate.ts'

const seeds = 300

describe('the production code on a simulated world', () => {
  test(`keeps every rule in the first ${seeds} seeds`, async () => {
    const { failures, transactions, coverage } = await runSeeds({
      firstSeed: 1,
      seeds,
      profile: undefined,
      decisions: undefined,
      mutant: undefined,
      workers: 2,
      twiceEvery: 20,
    })
    const [failure] = failures
    const replay = `npm run simulate -- --seed ${failure?.seed}`
    assert.equal(failure, undefined, failure && describeFailure(failure, replay))
    assert.ok(transactions > 10 * seeds, `only ${transactions} transactions`)
    for (const what of [
      'told committed',
      'told unknown',
      'log adopted',
      'power loss',
      'carried decision committed',
      'presumption finds committed',
      'execute told committed',
      'execute told none',
      'execute told unknown',
      'execute failed by a statement',
      'execute inside a transaction',
      'batch vote lost, prepared',
      'batch vote lost, nothing there',
      'batch carried decision committed',
    ]) {
      assert.ok((coverage.get(what) ?? 0) > 0, `${what}: never`)
    }
  })

  test('a seed runs the same again, whatever ran before it, and no two seeds are alike', async () => {
    const hashOf = async (seed: number): Promise<string> => (await simulate(seed, nodeHost)).hash
    const first = [await hashOf(5), await hashOf(6), await hashOf(7)]
    const again = [await hashOf(7), await hashOf(6), await hashOf(5)]
    assert.deepEqual(again, first.toReversed())
    assert.equal(new Set(first).size, 3)
  })
})
