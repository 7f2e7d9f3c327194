/** What the commit benchmark tells of its rounds. */
import { quantile, ratios, rounded, roundedAll, type Summary, summarize } from '../figures.ts'
import type { Throughput } from '../load.ts'
import { type Figures, table } from '../report.ts'

/** All rounds at one number of transactions in flight. */
export interface Level {
  readonly inFlight: number
  /** By contestant, one for each round. */
  readonly turns: ReadonlyMap<string, readonly Throughput[]>
  /** By contestant, the forced writes of its own log in all rounds. */
  readonly ownWrites: ReadonlyMap<string, number>
}

export interface LatencyOf {
  readonly name: string
  readonly perSecond: number
  readonly latenciesMs: readonly number[]
}

/** Who is compared with whom, under what name. */
const comparisons = {
  ratios: ['assent', 'hand-written'],
  ratiosLogged: ['assent', 'hand-written-logged'],
  ratiosExecute: ['assent-execute', 'hand-written'],
} as const
type Comparison = (typeof comparisons)[keyof typeof comparisons]

export function describeLevel(level: Level): string[] {
  const { inFlight, turns, ownWrites } = level
  const head = [`${inFlight} in flight`, 'tx/s', 'lowest', 'highest', 'CPU us/tx', 'forced/tx']
  const rows = [...turns].map(([name, rounds]) => {
    const speed = summarize(rounds.map(({ perSecond }) => perSecond))
    const cpu = summarize(rounds.map(({ cpuMicroseconds }) => cpuMicroseconds))
    const count = rounds.reduce((sum, { transactions }) => sum + transactions, 0)
    const speeds = [speed.median, speed.lowest, speed.highest].map((each) => each.toFixed(0))
    const forced = ((ownWrites.get(name) ?? 0) / count).toFixed(3)
    return [`  ${name}`, ...speeds, cpu.median.toFixed(0), forced]
  })
  return [
    ...table([head, ...rows]),
    ...Object.values(comparisons).flatMap((compared) => describeRatio(level, compared)),
  ]
}

function describeRatio(level: Level, compared: Comparison): string[] {
  const speed = ratioOf(level, compared, (each) => each.perSecond)
  const cpu = ratioOf(level, compared, (each) => each.cpuMicroseconds)
  if (speed === undefined || cpu === undefined) return []
  const shown = ({ median, lowest, highest }: Summary): string =>
    `${median.toFixed(2)} (${lowest.toFixed(2)} to ${highest.toFixed(2)})`
  return [`  ${compared.join(' / ')}: speed ${shown(speed)}, CPU ${shown(cpu)}`]
}

/** Round by round; undefined where one of the two did not take part. */
function ratioOf(
  { turns }: Level,
  [our, their]: Comparison,
  figure: (turn: Throughput) => number,
): Summary | undefined {
  const [us, them] = [turns.get(our), turns.get(their)]
  if (us === undefined || them === undefined) return undefined
  return ratios(us.map(figure), them.map(figure))
}

export function describeLatency(latencies: readonly LatencyOf[]): string[] {
  if (latencies.length === 0) return []
  const rows = latencies.map(({ name, perSecond, latenciesMs }) => [
    `  ${name}`,
    perSecond.toFixed(0),
    ...[0.5, 0.99, 0.999].map((share) => quantile(latenciesMs, share).toFixed(2)),
  ])
  return table([['open load, half the rate', 'tx/s', 'p50 ms', 'p99 ms', 'p99.9 ms'], ...rows])
}

/** The line that `--json` ends with. */
export function summaryOf(levels: readonly Level[], latencies: readonly LatencyOf[]): Figures {
  const byLevel = (figure: (level: Level) => number | undefined): Record<string, number> =>
    Object.fromEntries(
      levels.flatMap((level) => {
        const value = figure(level)
        return value === undefined ? [] : [[level.inFlight, rounded(value)]]
      }),
    )
  const medians = (figure: (turn: Throughput) => number): Record<string, Figures> =>
    Object.fromEntries(
      [...(levels[0]?.turns.keys() ?? [])].map((name) => [
        name,
        byLevel(({ turns }) => summarize((turns.get(name) ?? []).map(figure)).median),
      ]),
    )
  const ratiosOf = (compared: Comparison, figure: (turn: Throughput) => number): Figures =>
    byLevel((level) => ratioOf(level, compared, figure)?.median)
  return {
    ratios: ratiosOf(comparisons.ratios, (turn) => turn.perSecond),
    ratiosLogged: ratiosOf(comparisons.ratiosLogged, (turn) => turn.perSecond),
    ratiosExecute: ratiosOf(comparisons.ratiosExecute, (turn) => turn.perSecond),
    ratiosCpu: ratiosOf(comparisons.ratios, (turn) => turn.cpuMicroseconds),
    spread: Object.fromEntries(
      levels.map((level) => {
        const { lowest = 0, highest = 0 } =
          ratioOf(level, comparisons.ratios, (turn) => turn.perSecond) ?? {}
        return [level.inFlight, [rounded(lowest), rounded(highest)]]
      }),
    ),
    perSecond: medians((turn) => turn.perSecond),
    cpuMicroseconds: medians((turn) => turn.cpuMicroseconds),
    latencyMs: Object.fromEntries(
      latencies.map(({ name, perSecond, latenciesMs }) => [
        name,
        roundedAll({
          perSecond,
          p50: quantile(latenciesMs, 0.5),
          p99: quantile(latenciesMs, 0.99),
          'p99.9': quantile(latenciesMs, 0.999),
        }),
      ]),
    ),
  }
}
