import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byArrival, describeLatency, summaryOf } from '../../bench/commit/result.ts'
import type { Throughput } from '../../bench/load.ts'
import {
  bestPerSecond,
  byLevel,
  describeLevel,
  type Entrant,
  forcedOf,
  type Level,
  playLevel,
  warmUp,
} from '../../bench/tournament.ts'

const silent = { line: () => undefined, progress: () => undefined }

function throughput(transactions: number): Throughput {
  return { transactions, seconds: 1, perSecond: transactions, cpuMicroseconds: 1e6 / transactions }
}

/** Does so many in each turn, in order, and notes its turns. */
function entrant(name: string, speeds: number[], turns: string[], forcedPerTurn = 0): Entrant {
  let forced = 0
  return {
    name,
    forcedWrites: () => forced,
    run: async () => {
      turns.push(name)
      forced += forcedPerTurn
      return throughput(speeds.shift() ?? 1)
    },
  }
}

test('everybody runs once in each round, and ratios are taken round by round', async () => {
  const turns: string[] = []
  const ours = entrant('ours', [200, 20, 300], turns, 50)
  const theirs = entrant('theirs', [100, 10, 100], turns, Number.NaN)
  const level = await playLevel([ours, theirs], 8, { rounds: 3, seconds: 1 }, silent)
  for (const round of [0, 2, 4]) {
    assert.deepEqual(turns.slice(round, round + 2).sort(), ['ours', 'theirs'])
  }
  const lines = describeLevel(level, [
    ['ours', 'theirs'],
    ['ours', 'nobody'],
  ])
  assert.match(lines[0] ?? '', /^8 in flight/)
  assert.equal(lines.at(-1), '  ours / theirs: speed 2.00 (2.00 to 3.00), CPU 0.50 (0.33 to 0.50)')
})

test('a summary has the extremes of every ratio and of every speed', async () => {
  const speeds = {
    'hand-written': [100, 100, 100],
    'hand-written-logged': [50, 100, 200],
    assent: [90, 110, 120],
    'assent-execute': [120, 130, 110],
    'assent-participant': [80, 150, 100],
  }
  const entrants = Object.entries(speeds).map(([name, each]) => entrant(name, [...each], []))
  const level = await playLevel(entrants, 16, { rounds: 3, seconds: 1 }, silent)
  const { ratios, spread, ratioSpread, perSecondSpread } = summaryOf([level], [])
  assert.deepEqual(ratios, { 16: 1.1 })
  assert.deepEqual(spread, { 16: [0.9, 1.2] })
  assert.deepEqual(ratioSpread, {
    ratios: { 16: [0.9, 1.2] },
    ratiosLogged: { 16: [0.6, 1.8] },
    ratiosExecute: { 16: [1.1, 1.3] },
    ratiosParticipant: { 16: [0.8, 1.5] },
  })
  assert.deepEqual(perSecondSpread, {
    'hand-written': { 16: [100, 100] },
    'hand-written-logged': { 16: [50, 200] },
    assent: { 16: [90, 120] },
    'assent-execute': { 16: [110, 130] },
    'assent-participant': { 16: [80, 150] },
  })
})

test('the best of an entrant is the median of the level at which it does most', async () => {
  const ours = entrant('ours', [10, 900, 12, 40, 50, 45, 30, 20, 31], [])
  const levels: Level[] = []
  for (const inFlight of [1, 16, 64]) {
    levels.push(await playLevel([ours], inFlight, { rounds: 3, seconds: 1 }, silent))
  }
  assert.equal(bestPerSecond(levels, 'ours'), 45)
})

test('forced writes are told by transaction, and as unknown where nobody can tell', async () => {
  const ours = entrant('ours', [100, 300], [], 100)
  const theirs = entrant('theirs', [100, 300], [], Number.NaN)
  const level = await playLevel([ours, theirs], 1, { rounds: 2, seconds: 1 }, silent)
  assert.equal(forcedOf(level, 'ours'), 0.5)
  assert.match(describeLevel(level, []).find((line) => line.includes('theirs')) ?? '', /\?$/)
  assert.deepEqual(
    byLevel([level], (each) => forcedOf(each, 'theirs')),
    {},
  )
})

test('a warm-up ends by its count, or by its time where that takes too long', async () => {
  const limits: unknown[] = []
  const one = {
    ...entrant('one', [], []),
    run: async (...given: unknown[]) => {
      limits.push(given)
      return throughput(1)
    },
  }
  await warmUp([one], { inFlight: 64, count: 0, seconds: 10 }, silent)
  assert.deepEqual(limits, [], 'none is none')
  await warmUp([one], { inFlight: 64, count: 5_000, seconds: 10 }, silent)
  assert.deepEqual(limits, [[64, { count: 5_000, seconds: 10 }]])
})

test('who waited long is found in the tenth of the turn in which he came', () => {
  const arrivals = Array.from({ length: 1000 }, (_, number) => ({
    atMs: number * 2,
    latencyMs: number >= 300 && number < 310 ? 700 : 5,
  }))
  const latency = { name: 'ours', perSecond: 500, seconds: 2, arrivals }
  const { p50, p99 } = byArrival(latency)
  assert.deepEqual(p50, new Array(10).fill(5))
  assert.deepEqual(p99, [5, 5, 5, 700, 5, 5, 5, 5, 5, 5])
  const told = describeLatency([latency])
  assert.match(told[1] ?? '', /ours +500 +5\.00 +5\.00 +700\.00 +700\.00$/)
  assert.match(told.at(-1) ?? '', /ours, p99 ms +5\.0 +5\.0 +5\.0 +700\.0/)
})
