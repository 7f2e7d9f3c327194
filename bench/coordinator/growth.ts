/** Whether a transaction costs the same however many went before it: log, outcomes, indexes grow. */
import { join } from 'node:path'
import { rounded } from '../figures.ts'
import { closedLoad } from '../load.ts'
import { type Figures, type Report, table } from '../report.ts'
import { commitIdle, type IdleCoordinator, withIdle } from './idle-coordinator.ts'

const inFlight = 100
const warmUpMax = 50_000
const tenths = Array.from({ length: 10 }, (_, index) => (index + 1) / 10)

/** Cuts besides the tenths: the first tenth of a long run says nothing of its first transactions. */
const earlyCuts = [1_000, 10_000]

/** After how many transactions a run is cut, ascending; the last cut is its end. */
export function cutsOf(transactions: number): number[] {
  const even = tenths.map((share) => Math.round(share * transactions))
  const early = earlyCuts.filter((cut) => cut < transactions)
  const all = new Set([...early, ...even].filter((cut) => cut > 0))
  return [...all].sort((one, other) => one - other)
}

/**
 * Microseconds a transaction between each cut and the one before it, in one run of a new coordinator.
 * The code is warmed up in another one: the collections by which memory is weighed throw compiled
 * code away and make the young generation small, which the first transactions would be charged with.
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
  return await withIdle(join(directory, 'run'), (coordinator) =>
    measureParts(coordinator, transactions, report),
  )
}

async function measureParts(
  coordinator: IdleCoordinator,
  transactions: number,
  report: Report,
): Promise<Figures> {
  const upTo = cutsOf(transactions)
  const parts: number[] = []
  let before = 0
  for (const cut of upTo) {
    report.progress(`growth: ${before} of ${transactions} transactions`)
    const count = cut - before
    const load = await closedLoad(inFlight, { count }, () => commitIdle(coordinator))
    parts.push(load.cpuMicroseconds)
    before = cut
  }
  const { retainedOutcomes, bytesOnDisk } = coordinator.logStatistics()
  report.line(`one run of ${transactions} transactions, in parts:`)
  const rows = [
    ['  up to', ...upTo.map(String)],
    ['  CPU us/tx', ...parts.map((part) => part.toFixed(1))],
  ]
  for (const line of table(rows)) report.line(line)
  report.line(`outcomes retained: ${retainedOutcomes}; log on disk: ${bytesOnDisk} bytes`)
  const cpuMicroseconds = parts.map((part) => rounded(part))
  return { transactions, upTo, cpuMicroseconds, retainedOutcomes, bytesOnDisk }
}
