/**
 * Whether a transaction costs the same however many went before it: log, outcomes, indexes grow.
 *
 * What a transaction costs moves with whatever else the machine does, by more than a long run could
 * add. So the run is cut into short turns, and between them a coordinator that is new does the same:
 * the two of a pair see the same machine, and their ratio tells what the length of the run costs.
 */
import { join } from 'node:path'
import { bytesInUse, type Collections, countingCollections } from '../collector.ts'
import { ratios, rounded, type Summary, shuffled } from '../figures.ts'
import { closedLoad } from '../load.ts'
import { type Figures, type Report, table } from '../report.ts'
import { commitIdle, type IdleCoordinator, withIdle } from './idle-coordinator.ts'

const inFlight = 100
const warmUpMax = 50_000
const tenths = Array.from({ length: 10 }, (_, index) => (index + 1) / 10)

/** Cuts besides the tenths: the first tenth of a long run says nothing of its first transactions. */
const earlyCuts = [1_000, 10_000]

/** A collection of young objects comes every few thousand transactions: no turn is much shorter. */
const turnLeast = 5_000
const turnsMost = 10

/** After how many transactions a run is cut, ascending; the last cut is its end. */
export function cutsOf(transactions: number): number[] {
  const even = tenths.map((share) => Math.round(share * transactions))
  const early = earlyCuts.filter((cut) => cut < transactions)
  const all = new Set([...early, ...even].filter((cut) => cut > 0))
  return [...all].sort((one, other) => one - other)
}

/** The turns of one part: their transactions, which add up to `count`. */
export function turnsOf(count: number): number[] {
  const turns = Math.min(turnsMost, Math.max(1, Math.floor(count / turnLeast)))
  const upTo = (turn: number): number => Math.round((turn * count) / turns)
  return Array.from({ length: turns }, (_, turn) => upTo(turn + 1) - upTo(turn))
}

interface Turn {
  readonly transactions: number
  /** Of the process, a transaction. */
  readonly cpuMicroseconds: number
  readonly collections: Collections
}

/** What happened between two cuts. */
export interface Part {
  readonly upTo: number
  readonly own: readonly Turn[]
  /** Of a coordinator that was new when the part began, in turns with the other. */
  readonly ofNew: readonly Turn[]
}

/**
 * The code is warmed up in another coordinator: the collections by which memory is weighed throw
 * compiled code away and make the young generation small, which the first transactions would be
 * charged with.
 */
export async function measureGrowth(
  directory: string,
  transactions: number,
  report: Report,
): Promise<Figures> {
  report.progress('growth: warming up')
  const warmUp = { count: Math.min(transactions, warmUpMax) }
  await withIdle(join(directory, 'warm-up'), (other) =>
    closedLoad(inFlight, warmUp, () => commitIdle(other)),
  )
  const { parts, bytesOpen, ...log } = await withIdle(
    join(directory, 'run'),
    async (coordinator) => {
      const parts = await measureParts(coordinator, { directory, transactions }, report)
      const { retainedOutcomes, bytesOnDisk } = coordinator.logStatistics()
      return { parts, bytesOpen: bytesInUse(), retainedOutcomes, bytesOnDisk }
    },
  )
  const bytesInMemory = bytesOpen - bytesInUse()
  report.line(`one run of ${transactions} transactions, in parts:`)
  for (const line of describeGrowth(parts)) report.line(line)
  report.line(
    `outcomes retained: ${log.retainedOutcomes}; memory of the coordinator: ${bytesInMemory} bytes; ` +
      `log on disk: ${log.bytesOnDisk} bytes`,
  )
  return { transactions, ...summaryOf(parts), ...log, bytesInMemory }
}

async function measureParts(
  coordinator: IdleCoordinator,
  { directory, transactions }: { readonly directory: string; readonly transactions: number },
  report: Report,
): Promise<Part[]> {
  const parts: Part[] = []
  let before = 0
  for (const upTo of cutsOf(transactions)) {
    report.progress(`growth: ${before} of ${transactions} transactions`)
    const own: Turn[] = []
    const ofNew: Turn[] = []
    await withIdle(join(directory, `new-at-${before}`), async (fresh) => {
      const both = [[coordinator, own] as const, [fresh, ofNew] as const]
      for (const count of turnsOf(upTo - before)) {
        for (const [each, turns] of shuffled(both, Math.random)) {
          turns.push(await measureTurn(each, count))
        }
      }
    })
    parts.push({ upTo, own, ofNew })
    before = upTo
  }
  return parts
}

async function measureTurn(coordinator: IdleCoordinator, count: number): Promise<Turn> {
  const { value: load, collections } = await countingCollections(() =>
    closedLoad(inFlight, { count }, () => commitIdle(coordinator)),
  )
  const { transactions, cpuMicroseconds } = load
  return { transactions, cpuMicroseconds, collections }
}

/** Of a transaction in a part; turns may differ in length. */
function meanOf(turns: readonly Turn[], figure: (turn: Turn) => number): number {
  const transactions = turns.reduce((sum, turn) => sum + turn.transactions, 0)
  return turns.reduce((sum, turn) => sum + figure(turn) * turn.transactions, 0) / transactions
}

const cpuOf = ({ cpuMicroseconds }: Turn): number => cpuMicroseconds

const collectorOf = ({ collections, transactions }: Turn): number =>
  (collections.ms * 1000) / transactions

const collectionsOf = ({ collections, transactions }: Turn): number =>
  (collections.count * 1000) / transactions

/** The cost in the long run by that of the new coordinator, turn by turn. */
function ratioOf({ own, ofNew }: Part): Summary {
  return ratios(own.map(cpuOf), ofNew.map(cpuOf))
}

export function describeGrowth(parts: readonly Part[]): string[] {
  const row = (name: string, digits: number, figure: (part: Part) => number): string[] => [
    `  ${name}`,
    ...parts.map((part) => figure(part).toFixed(digits)),
  ]
  return table([
    row('up to', 0, ({ upTo }) => upTo),
    row('CPU us/tx', 1, ({ own }) => meanOf(own, cpuOf)),
    row('CPU us/tx of a new one', 1, ({ ofNew }) => meanOf(ofNew, cpuOf)),
    row('the one by the other', 2, (part) => ratioOf(part).median),
    row('  lowest', 2, (part) => ratioOf(part).lowest),
    row('  highest', 2, (part) => ratioOf(part).highest),
    row('collections/1000 tx', 2, ({ own }) => meanOf(own, collectionsOf)),
    row('collector us/tx', 2, ({ own }) => meanOf(own, collectorOf)),
  ])
}

/** What `--json` tells: a value, or the two extremes, for each cut. */
export function summaryOf(parts: readonly Part[]): Figures {
  const each = (figure: (part: Part) => number): number[] =>
    parts.map((part) => rounded(figure(part)))
  return {
    upTo: parts.map(({ upTo }) => upTo),
    cpuMicroseconds: each(({ own }) => meanOf(own, cpuOf)),
    cpuMicrosecondsOfNew: each(({ ofNew }) => meanOf(ofNew, cpuOf)),
    ratioToNew: each((part) => ratioOf(part).median),
    ratioSpread: parts
      .map(ratioOf)
      .map(({ lowest, highest }) => [rounded(lowest), rounded(highest)]),
    collectionsPerThousand: each(({ own }) => meanOf(own, collectionsOf)),
    collectorMicroseconds: each(({ own }) => meanOf(own, collectorOf)),
  }
}
