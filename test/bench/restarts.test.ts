import assert from 'node:assert/strict'
import { test } from 'node:test'

import { describeRestarts, measureRestarts, summaryOf } from '../../bench/recovery/restarts.ts'

const silent = { line: () => undefined, progress: () => undefined }

const restarts = [
  { deliveredSeconds: 3, allSeconds: 9, cpuSeconds: 5 },
  { deliveredSeconds: 1, allSeconds: 8.123_4, cpuSeconds: 4 },
  { deliveredSeconds: 2, allSeconds: 12, cpuSeconds: 4.5 },
]

test('every restart is measured once, in its order', async () => {
  const measured = await measureRestarts(3, silent, async (round) => {
    const restart = restarts[round - 1]
    assert.ok(restart)
    return restart
  })
  assert.deepEqual(measured, restarts)
})

test('restarts are told by their medians, their extremes, and each for itself', () => {
  const { rounds, deliveredSeconds, allSeconds, cpuSeconds, spread, ...rest } = summaryOf(restarts)
  assert.deepEqual([rounds, deliveredSeconds, allSeconds, cpuSeconds], [3, 2, 9, 4.5])
  assert.deepEqual(spread, {
    deliveredSeconds: [1, 3],
    allSeconds: [8.12, 12],
    cpuSeconds: [4, 5],
  })
  assert.deepEqual(
    (rest.restarts as { allSeconds: number }[]).map((each) => each.allSeconds),
    [9, 8.12, 12],
  )
})

test('the first is named for what it is: the only one whose code is cold', () => {
  const lines = describeRestarts(restarts)
  assert.equal(lines.filter((line) => line.includes('cold')).length, 1)
  assert.match(lines[1] ?? '', /^ +1, its code cold +3\.00 +9\.00 +5\.00$/)
  assert.match(lines.at(-2) ?? '', /^ +median +2\.00 +9\.00 +4\.50$/)
  assert.match(lines.at(-1) ?? '', /^ +extremes +1\.00 to 3\.00 +8\.12 to 12\.00 +4\.00 to 5\.00$/)
})
