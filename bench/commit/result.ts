/** What the commit benchmark tells of its rounds. */
import { quantile, rounded, roundedAll } from '../figures.ts'
import type { Arrival } from '../load.ts'
import { type Figures, table } from '../report.ts'
import { byLevel, type Comparison, type Level, mediansOf, ratioOf } from '../tournament.ts'

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
  const head = ['open load, half the rate', 'tx/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'longest']
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

/** The line that `--json` ends with. */
export function summaryOf(levels: readonly Level[], latencies: readonly LatencyOf[]): Figures {
  const speed = (compared: Comparison): Figures =>
    byLevel(levels, (level) => ratioOf(level, compared, (turn) => turn.perSecond)?.median)
  const taken = Object.entries(comparisons).map(([name, compared]) => [name, speed(compared)])
  return {
    ...Object.fromEntries(taken.filter(([, ratios]) => Object.keys(ratios as Figures).length > 0)),
    ratiosCpu: byLevel(
      levels,
      (level) => ratioOf(level, comparisons.ratios, (turn) => turn.cpuMicroseconds)?.median,
    ),
    spread: Object.fromEntries(
      levels.map((level) => {
        const { lowest = 0, highest = 0 } =
          ratioOf(level, comparisons.ratios, (turn) => turn.perSecond) ?? {}
        return [level.inFlight, [rounded(lowest), rounded(highest)]]
      }),
    ),
    perSecond: mediansOf(levels, (turn) => turn.perSecond),
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
