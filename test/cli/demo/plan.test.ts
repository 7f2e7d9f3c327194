import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import {
  accountsPerSide,
  type Blow,
  blows,
  drawsFrom,
  nextPauseMs,
  nextTransfer,
  openingBalance,
  type Transfer,
} from '../../../src/cli/demo/plan.ts'

function transfers(seed: number, howMany: number): Transfer[] {
  const draw = drawsFrom(seed)
  return Array.from({ length: howMany }, () => nextTransfer(draw))
}

describe('the plan of a demo', () => {
  test('is the same for the same seed, and another for another', () => {
    assert.deepEqual(transfers(7, 200), transfers(7, 200))
    assert.notDeepEqual(transfers(7, 200), transfers(8, 200))
  })

  test('moves between two places, and names accounts that exist', () => {
    for (const { kind, from, to } of transfers(1, 20_000)) {
      assert.notDeepEqual(from, to)
      assert.equal(from.side === to.side, kind === 'within')
      for (const { account } of [from, to]) {
        assert.ok(Number.isInteger(account) && account >= 1 && account <= accountsPerSide)
      }
    }
  })

  test('has something of every kind, and most across both databases', () => {
    const counts = Map.groupBy(transfers(2, 20_000), ({ kind }) => kind)
    const shareOf = (kind: Transfer['kind']): number => (counts.get(kind)?.length ?? 0) / 20_000
    assert.ok(shareOf('across') > 0.7)
    for (const kind of ['within', 'overdraft', 'regret', 'look'] as const) {
      assert.ok(shareOf(kind) > 0.01, kind)
    }
  })

  test('has overdrafts that no balance can ever cover', () => {
    const money = 2 * accountsPerSide * openingBalance
    const overdrafts = transfers(3, 5_000).filter(({ kind }) => kind === 'overdraft')
    assert.ok(overdrafts.length > 0)
    for (const { amount } of overdrafts) assert.ok(amount > money)
  })

  test('strikes the worker first, and a database soon', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const sequence = blows(drawsFrom(seed))
      const first = Array.from({ length: 4 }, () => sequence.next().value as Blow)
      assert.equal(first[0], 'worker')
      assert.deepEqual([...first].sort(), ['both', 'database', 'worker', 'worker'])
    }
  })

  test('strikes about as often as it is told', () => {
    const draw = drawsFrom(4)
    for (let drawn = 0; drawn < 1_000; drawn += 1) {
      const pauseMs = nextPauseMs(draw, 3_000)
      assert.ok(pauseMs >= 1_500 && pauseMs < 4_500)
    }
  })
})
