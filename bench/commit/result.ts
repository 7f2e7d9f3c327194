/** What the commit benchmark tells of its rounds. */
import { quantile, rounded, roundedAll, type Summary } from '../figures.ts'
import type { Arrival } from '../load.ts'
import { type Figures, table } from '../report.ts'
import {
  byLevel,
  type Comparison,
  extremesByLevel,
  type Level,
  mediansOf,
  ofEach,
  ratioOf,
  speedOf,
} from '../tournament.ts'

/** An open load over one contestant, all its turns together. */
export interface LatencyOf {
  readonly name: string
  readonly perSecond: number
  /** How long a turn was. */
  readonly seconds: number
  readonly arrivals: readonly Arrival[]
}

/** Who is compared with whom, under what name. */
const comparisons = {
  ratios: ['assent', 'hand-written'],
  ratiosLogged: ['assent', 'hand-written-logged'],
  ratiosExecute: ['assent-execute', 'hand-written'],
  ratiosParticipant: ['assent-participant', 'hand-written'],
  ratiosNamed: ['assent', 'hand-written-named'],
} as const satisfies Record<string, Comparison>

export const compared: readonly Comparison[] = Object.values(comparisons)

/** Into how many parts a turn is cut, to see when who waited long had come. */
const parts = 10

export function describeLatency(latencies: readonly LatencyOf[]): string[] {
  if (latencies.length === 0) return []
  const rows = latencies.map(({ name, perSecond, arrivals }) => [
    `  ${name}`,
    perSecond.toFixed(0),
    ...[0.5, 0.99, 0.999].map((share) => quantile(latencyOf(arrivals), share).toFixed(2)),
    Math.max(...latencyOf(arrivals)).toFixed(2),
  ])
  const head = ['open load, half the best rate', 'tx/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'longest']
  const tenths = Array.from({ length: parts }, (_, part) => `${part + 1}`)
  const cuts = latencies.flatMap((latency) => {
    const { p50, p99 } = byArrival(latency)
    return [
      [`  ${latency.name}, p50 ms`, ...p50.map((each) => each.toFixed(1))],
      [`  ${latency.name}, p99 ms`, ...p99.map((each) => each.toFixed(1))],
    ]
  })
  return [
    ...table([head, ...rows]),
    ...table([['by time of arrival, tenths of a turn', ...tenths], ...cuts]),
  ]
}

/** By when they were meant to begin: what is slow at one time only has a cause at that time. */
export function byArrival({ arrivals, seconds }: LatencyOf): {
  readonly p50: readonly number[]
  readonly p99: readonly number[]
} {
  const cut: Arrival[][] = Array.from({ length: parts }, () => [])
  for (const each of arrivals) {
    const part = Math.floor((each.atMs / (seconds * 1000)) * parts)
    cut[Math.min(part, parts - 1)]?.push(each)
  }
  const quantiles = (share: number): number[] =>
    cut.map((arrived) => quantile(latencyOf(arrived), share))
  return { p50: quantiles(0.5), p99: quantiles(0.99) }
}

function latencyOf(arrivals: readonly Arrival[]): number[] {
  return arrivals.map(({ latencyMs }) => latencyMs)
}

/** The line that `--json` ends with. `spread` is that of `ratios`; `ratioSpread` has it of each. */
export function summaryOf(levels: readonly Level[], latencies: readonly LatencyOf[]): Figures {
  const speed = (level: Level, compared: Comparison): Summary | undefined =>
    ratioOf(level, compared, (turn) => turn.perSecond)
  const spread = (compared: Comparison): Figures =>
    extremesByLevel(levels, (level) => speed(level, compared))
  return {
    ...ofComparisons((compared) => byLevel(levels, (level) => speed(level, compared)?.median)),
    ratiosCpu: byLevel(
      levels,
      (level) => ratioOf(level, comparisons.ratios, (turn) => turn.cpuMicroseconds)?.median,
    ),
    spread: spread(comparisons.ratios),
    ratioSpread: ofComparisons(spread),
    perSecond: mediansOf(levels, (turn) => turn.perSecond),
    perSecondSpread: ofEach(levels, (name) =>
      extremesByLevel(levels, (level) => speedOf(level, name)),
    ),
    cpuMicroseconds: mediansOf(levels, (turn) => turn.cpuMicroseconds),
    latencyMs: Object.fromEntries(
      latencies.map(({ name, perSecond, arrivals }) => [
        name,
        roundedAll({
          perSecond,
          p50: quantile(latencyOf(arrivals), 0.5),
          p99: quantile(latencyOf(arrivals), 0.99),
          'p99.9': quantile(latencyOf(arrivals), 0.999),
        }),
      ]),
    ),
    latencyByArrivalMs: Object.fromEntries(
      latencies.map((latency) => {
        const { p50, p99 } = byArrival(latency)
        return [
          latency.name,
          { p50: p50.map((one) => rounded(one)), p99: p99.map((one) => rounded(one)) },
        ]
      }),
    ),
  }
}

/** By their names; those of which one or both did not take part are left out. */
function ofComparisons(figures: (compared: Comparison) => Figures): Record<string, Figures> {
  const told = Object.entries(comparisons).map(([name, each]) => [name, figures(each)] as const)
  return Object.fromEntries(told.filter(([, each]) => Object.keys(each).length > 0))
}
