/** The command line of `npm run bench`. */
import { type Pair, pairs } from './commit/pairs.ts'

export const benchmarkNames = ['coordinator', 'commit', 'peers', 'recovery'] as const
export type BenchmarkName = (typeof benchmarkNames)[number]

/** What `peers` measures: as the benchmarks of these names do. */
export const peerParts = ['commit', 'coordinator'] as const
export type PeerPart = (typeof peerParts)[number]

export const usage = `usage: npm run bench -- <benchmark> [options]

  coordinator            the transaction manager alone: two participants that do nothing, log forced
  commit                 money between two servers: unprotected, two-phase commit by hand without and
                         with a log, and assent; between two PostgreSQL servers, and between
                         PostgreSQL and MariaDB where that is installed
  peers                  assent beside transaction managers for Java (Narayana, Atomikos): money between
                         two PostgreSQL servers, and two participants that do nothing; Maven builds
                         them, so it takes Maven and a JDK from version 17
  recovery               a restart with many prepared transactions, half of them decided

  --seconds N            length of one measurement (default 2; may be a fraction)
  --rounds N             rounds, in each of which every contestant runs once (default 5); recovery: how
                         often each restart is measured (default 3)
  --warm-up N            commit, peers: transactions of each contestant before any is counted (default
                         20000, or as many as 30 s are enough for; 0: none)
  --in-flight N,N,...    transactions at a time (default 1,10,100,400; commit: 1,16,64; peers: both)
  --pair NAME            commit: one pair of servers only, ${pairs.join(' or ')}
  --part NAME            peers: one part only, ${peerParts.join(' or ')}
  --transactions N       coordinator: how long the run is in which the cost per transaction is watched
                         (default 1000000; 0: none); recovery: how many are prepared (default 100000)
  --prepared N           recovery: how many are prepared on each of two PostgreSQL servers besides
                         (default 2000; 0: none)
  --log DIRECTORY        where logs go (default: the directory for temporary files)
  --json                 prints all figures as one line of JSON, last
  --help

Figures depend on the machine and on what else it does: compare ratios within one run.`

export interface BenchOptions {
  readonly benchmark: BenchmarkName
  readonly seconds: number
  readonly rounds: number
  /** Transactions of each contestant before any is counted. */
  readonly warmUp: number
  readonly inFlight: readonly number[]
  /** Undefined: all of them. */
  readonly pair: Pair | undefined
  /** Undefined: all of them. */
  readonly part: PeerPart | undefined
  readonly transactions: number
  readonly prepared: number
  /** Undefined: a temporary directory. */
  readonly logDirectory: string | undefined
  readonly json: boolean
}

/** The input is not usable: the message says what is wrong with it. */
export class UsageError extends Error {}

const withValue = new Set([
  ...[
    'seconds',
    'rounds',
    'warm-up',
    'in-flight',
    'pair',
    'part',
    'transactions',
    'prepared',
    'log',
  ],
])

const defaults = {
  coordinator: { inFlight: '1,10,100,400', transactions: '1000000', rounds: '5' },
  commit: { inFlight: '1,16,64', transactions: '0', rounds: '5' },
  // None: each part has its own.
  peers: { inFlight: '', transactions: '0', rounds: '5' },
  recovery: { inFlight: '1', transactions: '100000', rounds: '3' },
} as const

/** Undefined for `--help`. Throws `UsageError`. */
export function parseOptions(given: readonly string[]): BenchOptions | undefined {
  const { values, names } = readArguments(given)
  if (values.has('help')) return undefined
  const benchmark = benchmarkNamed(names)
  const fallback = defaults[benchmark]
  const seconds = numberIn('seconds', values.get('seconds') ?? '2')
  if (seconds === 0) throw new UsageError('--seconds must be more than 0')
  return {
    benchmark,
    seconds,
    rounds: countIn('rounds', values.get('rounds') ?? fallback.rounds, 1),
    warmUp: countIn('warm-up', values.get('warm-up') ?? '20000', 0),
    inFlight: levelsIn(values.get('in-flight') ?? fallback.inFlight),
    pair: choiceIn('pair', values.get('pair'), pairs),
    part: choiceIn('part', values.get('part'), peerParts),
    transactions: countIn('transactions', values.get('transactions') ?? fallback.transactions, 0),
    prepared: countIn('prepared', values.get('prepared') ?? '2000', 0),
    logDirectory: values.get('log'),
    json: values.has('json'),
  }
}

function readArguments(given: readonly string[]): {
  readonly values: ReadonlyMap<string, string>
  readonly names: readonly string[]
} {
  const values = new Map<string, string>()
  const names: string[] = []
  for (let index = 0; index < given.length; index += 1) {
    const argument = given[index] as string
    const [, name = '', inline] = /^--([a-z-]+)(?:=(.*))?$/s.exec(argument) ?? []
    if (name === 'help' || name === 'json') values.set(name, '')
    else if (withValue.has(name)) {
      const value = inline ?? given[++index]
      if (value === undefined || value === '') throw new UsageError(`--${name} needs a value`)
      values.set(name, value)
    } else if (argument.startsWith('-')) throw new UsageError(`'${argument}' is no option`)
    else names.push(argument)
  }
  return { values, names }
}

function benchmarkNamed([name, ...others]: readonly string[]): BenchmarkName {
  const known = benchmarkNames.join(', ')
  if (name === undefined) throw new UsageError(`which benchmark? There are: ${known}`)
  if (others.length > 0) throw new UsageError(`one benchmark at a time, not also '${others[0]}'`)
  const found = benchmarkNames.find((each) => each === name)
  if (found === undefined)
    throw new UsageError(`there is no benchmark '${name}'; there are: ${known}`)
  return found
}

/** The numbers in flight of a benchmark, where the command line names none. */
export function levelsOf(benchmark: PeerPart): readonly number[] {
  return levelsIn(defaults[benchmark].inFlight)
}

function levelsIn(text: string): readonly number[] {
  return text === '' ? [] : text.split(',').map((each) => countIn('in-flight', each, 1))
}

function choiceIn<Choice extends string>(
  name: string,
  given: string | undefined,
  choices: readonly Choice[],
): Choice | undefined {
  const found = choices.find((each) => each === given)
  if (given === undefined || found !== undefined) return found
  throw new UsageError(`--${name} must be ${choices.join(' or ')}, not '${given}'`)
}

function numberIn(name: string, text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new UsageError(`--${name} must be a number, not '${text}'`)
  return Number(text)
}

function countIn(name: string, text: string, least: number): number {
  const value = numberIn(name, text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new UsageError(`--${name} must be a whole number from ${least}, not '${text}'`)
}
