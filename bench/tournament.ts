/** Alternating rounds: in each, everybody runs once, in a new random order, on the same machine. */
import { ratios, rounded, type Summary, shuffled, summarize } from './figures.ts'
import type { Limit, Throughput } from './load.ts'
import { type Figures, type Report, table } from './report.ts'

/** Who is measured. */
export interface Entrant {
  readonly name: string
  /** Keeps so many transactions going, up to the limit. */
  run(inFlight: number, limit: Limit): Promise<Throughput>
  /** Forced writes of its own log so far; not a number where nobody can tell. */
  forcedWrites(): number
}

export interface Rounds {
  readonly rounds: number
  /** Of one turn. */
  readonly seconds: number
}

/** All rounds at one number of transactions in flight. */
export interface Level {
  readonly inFlight: number
  /** By entrant, one for each round. */
  readonly turns: ReadonlyMap<string, readonly Throughput[]>
  /** By entrant, the forced writes of its own log in all rounds. */
  readonly ownWrites: ReadonlyMap<string, number>
}

/** What each runs before anything is measured. */
export interface WarmUp {
  readonly count: number
  /** How long it may take, on a machine too slow for its count. */
  readonly seconds: number
}

/** The same number of transactions for each, so that the code of each is compiled. */
export async function warmUp(
  entrants: readonly Entrant[],
  { inFlight, count, seconds }: WarmUp & { readonly inFlight: number },
  report: Report,
): Promise<void> {
  if (count === 0) return
  for (const each of entrants) {
    report.progress(`warming up: ${each.name}`)
    await each.run(inFlight, { count, seconds })
  }
}

export async function playLevel(
  entrants: readonly Entrant[],
  inFlight: number,
  { rounds, seconds }: Rounds,
  report: Report,
): Promise<Level> {
  const turns = new Map<string, Throughput[]>(entrants.map(({ name }) => [name, []]))
  const ownWrites = new Map<string, number>()
  for (let round = 1; round <= rounds; round += 1) {
    for (const each of shuffled(entrants, Math.random)) {
      report.progress(`${inFlight} in flight, round ${round} of ${rounds}: ${each.name}`)
      const before = each.forcedWrites()
      turns.get(each.name)?.push(await each.run(inFlight, { seconds }))
      const own = each.forcedWrites() - before
      ownWrites.set(each.name, (ownWrites.get(each.name) ?? 0) + own)
    }
  }
  return { inFlight, turns, ownWrites }
}

/** Two names: ours, and whom it is compared with. */
export type Comparison = readonly [our: string, their: string]

export function describeLevel(level: Level, comparisons: readonly Comparison[]): string[] {
  const { inFlight, turns } = level
  const head = [`${inFlight} in flight`, 'tx/s', 'lowest', 'highest', 'CPU us/tx', 'forced/tx']
  const rows = [...turns].map(([name, rounds]) => {
    const speed = speedOf(level, name)
    const cpu = summarize(rounds.map(({ cpuMicroseconds }) => cpuMicroseconds))
    const speeds = [speed.median, speed.lowest, speed.highest].map((each) => each.toFixed(0))
    const forced = forcedOf(level, name)
    const shownForced = Number.isNaN(forced) ? '?' : forced.toFixed(3)
    return [`  ${name}`, ...speeds, cpu.median.toFixed(0), shownForced]
  })
  return [
    ...table([head, ...rows]),
    ...comparisons.flatMap((compared) => describeRatio(level, compared)),
  ]
}

/** Forced writes of its own log a transaction. */
export function forcedOf({ turns, ownWrites }: Level, name: string): number {
  const count = (turns.get(name) ?? []).reduce((sum, { transactions }) => sum + transactions, 0)
  return (ownWrites.get(name) ?? 0) / count
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
export function ratioOf(
  { turns }: Level,
  [our, their]: Comparison,
  figure: (turn: Throughput) => number,
): Summary | undefined {
  const [us, them] = [turns.get(our), turns.get(their)]
  if (us === undefined || them === undefined) return undefined
  return ratios(us.map(figure), them.map(figure))
}

/** A figure by the number in flight, where there is one. */
export function byLevel(
  levels: readonly Level[],
  figure: (level: Level) => number | undefined,
): Record<string, number> {
  return Object.fromEntries(
    levels.flatMap((level) => {
      const value = figure(level)
      return value === undefined || Number.isNaN(value) ? [] : [[level.inFlight, rounded(value)]]
    }),
  )
}

/** The extremes of a figure's rounds by the number in flight, where there is one. */
export function extremesByLevel(
  levels: readonly Level[],
  figure: (level: Level) => Summary | undefined,
): Record<string, readonly [lowest: number, highest: number]> {
  return Object.fromEntries(
    levels.flatMap((level) => {
      const told = figure(level)
      if (told === undefined) return []
      return [[level.inFlight, [rounded(told.lowest), rounded(told.highest)] as const]]
    }),
  )
}

/** What an entrant does where it does most: the highest of its levels' medians. */
export function bestPerSecond(levels: readonly Level[], name: string): number {
  return Math.max(...levels.map((level) => speedOf(level, name).median))
}

/** Transactions a second in the rounds of a level. */
export function speedOf({ turns }: Level, name: string): Summary {
  return summarize((turns.get(name) ?? []).map(({ perSecond }) => perSecond))
}

/** The median of a figure, by entrant and by the number in flight. */
export function mediansOf(
  levels: readonly Level[],
  figure: (turn: Throughput) => number,
): Record<string, Figures> {
  return ofEach(levels, (name) =>
    byLevel(levels, ({ turns }) => summarize((turns.get(name) ?? []).map(figure)).median),
  )
}

/** Something of every entrant, by its name. */
export function ofEach<Value>(
  levels: readonly Level[],
  value: (name: string) => Value,
): Record<string, Value> {
  const names = [...(levels[0]?.turns.keys() ?? [])]
  return Object.fromEntries(names.map((name) => [name, value(name)]))
}
