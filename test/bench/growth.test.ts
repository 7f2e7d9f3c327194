import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  cutsOf,
  describeGrowth,
  type Part,
  summaryOf,
  turnsOf,
} from '../../bench/coordinator/growth.ts'

test('a long run is cut at its beginning too, and ends with its last transaction', () => {
  assert.deepEqual(cutsOf(1_000_000).slice(0, 4), [1_000, 10_000, 100_000, 200_000])
  assert.equal(cutsOf(1_000_000).at(-1), 1_000_000)
  assert.deepEqual(cutsOf(10_000).slice(0, 2), [1_000, 2_000])
  assert.deepEqual(cutsOf(14), [1, 3, 4, 6, 7, 8, 10, 11, 13, 14])
  assert.deepEqual(cutsOf(3), [1, 2, 3])
})

test('a part is cut into turns, none of which is too short to tell, nor is any lost', () => {
  assert.deepEqual(turnsOf(1_000), [1_000])
  assert.deepEqual(turnsOf(9_000), [9_000])
  assert.deepEqual(turnsOf(20_000), [5_000, 5_000, 5_000, 5_000])
  assert.deepEqual(turnsOf(100_000), new Array(10).fill(10_000))
  assert.deepEqual(turnsOf(16_001), [5_334, 5_333, 5_334])
})

function turns(...costs: readonly [transactions: number, cpuMicroseconds: number][]): Part['own'] {
  return costs.map(([transactions, cpuMicroseconds]) => ({
    transactions,
    cpuMicroseconds,
    collections: { count: 4, ms: 2 },
  }))
}

test('the cost of a long run is told by that of a new coordinator, turn by turn', () => {
  // The second turn of both was on a busy machine.
  const parts: Part[] = [
    { upTo: 1_000, own: turns([1_000, 12]), ofNew: turns([1_000, 10]) },
    {
      upTo: 4_000,
      own: turns([1_000, 11], [1_000, 44], [1_000, 8]),
      ofNew: turns([1_000, 10], [1_000, 40], [1_000, 10]),
    },
  ]
  assert.deepEqual(summaryOf(parts), {
    upTo: [1_000, 4_000],
    cpuMicroseconds: [12, 21],
    cpuMicrosecondsOfNew: [10, 20],
    ratioToNew: [1.2, 1.1],
    ratioSpread: [
      [1.2, 1.2],
      [0.8, 1.1],
    ],
    collectionsPerThousand: [4, 4],
    collectorMicroseconds: [2, 2],
  })
  const lines = describeGrowth(parts)
  assert.match(lines[0] ?? '', /^ +up to +1000 +4000$/)
  assert.match(lines.find((line) => line.includes('the one by')) ?? '', / 1\.20 +1\.10$/)
})

test('a long turn counts for more than a short one', () => {
  const part = {
    upTo: 4_000,
    own: turns([3_000, 10], [1_000, 30]),
    ofNew: turns([3_000, 1], [1, 1]),
  }
  assert.deepEqual(summaryOf([part]).cpuMicroseconds, [15])
})
