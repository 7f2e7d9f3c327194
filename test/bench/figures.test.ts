import assert from 'node:assert/strict'
import { test } from 'node:test'

import { median, quantile, ratios, rounded, shuffled, summarize } from '../../bench/figures.ts'
import { seededRandom } from '../core/seeded-random.ts'

test('the median is the middle value, or the mean of the two in the middle', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([4, 1, 9, 2]), 3)
  assert.equal(median([7]), 7)
  assert.ok(Number.isNaN(median([])))
})

test('a quantile is a value that was measured, by its rank', () => {
  const values = Array.from({ length: 1000 }, (_, index) => 1000 - index)
  assert.equal(quantile(values, 0.5), 500)
  assert.equal(quantile(values, 0.99), 990)
  assert.equal(quantile(values, 0.999), 999)
  assert.equal(quantile(values, 1), 1000)
  assert.equal(quantile([3, 8], 0), 3)
  assert.ok(Number.isNaN(quantile([], 0.5)))
})

test('ratios are taken round by round, so a slow round of both counts for neither', () => {
  // The second round ran on a busy machine: the ratio of the medians would be 1.5.
  assert.deepEqual(ratios([120, 12, 150], [100, 10, 100]), {
    median: 1.2,
    lowest: 1.2,
    highest: 1.5,
  })
  assert.throws(() => ratios([1, 2], [1]), /the same rounds of both/)
})

test('a summary tells the extremes beside the median', () => {
  assert.deepEqual(summarize([3, 1, 2]), { median: 2, lowest: 1, highest: 3 })
})

test('a shuffle keeps every contestant, and puts each in each place', () => {
  const random = seededRandom(11)
  const names = ['a', 'b', 'c', 'd']
  const places = new Map<string, Set<number>>(names.map((name) => [name, new Set()]))
  for (let round = 0; round < 200; round += 1) {
    const order = shuffled(names, () => random.fraction())
    assert.deepEqual([...order].sort(), names)
    for (const [place, name] of order.entries()) places.get(name)?.add(place)
  }
  for (const seen of places.values()) assert.equal(seen.size, names.length)
})

test('figures are told to as many digits as mean something', () => {
  assert.equal(rounded(12_345.678), 12_300)
  assert.equal(rounded(0.012_345, 2), 0.012)
})
