/**
 * The transaction manager alone: two participants that do nothing, the decision forced to disk.
 *
 * Throughput by transactions in flight, forced writes, the memory of one that is active, and whether
 * a transaction costs the same however many went before it in the same run.
 */
import { join } from 'node:path'
import type { Coordinator } from '../../src/index.ts'
import { openCoordinator } from '../../src/index.ts'
import type { BenchOptions } from '../command-line.ts'
import { rounded, roundedAll, summarize } from '../figures.ts'
import { idleParticipant } from '../idle-participant.ts'
import { closedLoad } from '../load.ts'
import { type Figures, type Report, table } from '../report.ts'
import { withDirectory } from '../temporary-directory.ts'
import { activeBytes } from './memory.ts'

/** Two participants that do nothing. */
export type IdleCoordinator = Coordinator<
  Record<'left' | 'right', ReturnType<typeof idleParticipant>>
>

const growthSteps = 10
const growthInFlight = 100

export function openIdle(directory: string): Promise<IdleCoordinator> {
  return openCoordinator({
    name: 'bench',
    log: join(directory, 'log'),
    controlSocket: false,
    maxActive: 100_000,
    resources: { left: idleParticipant('left'), right: idleParticipant('right') },
  })
}

export const commitIdle = (coordinator: IdleCoordinator): Promise<unknown> =>
  coordinator.transaction(['left', 'right'], () => undefined)

export function benchmarkCoordinator(options: BenchOptions, report: Report): Promise<Figures> {
  return withDirectory(options.logDirectory, async (directory) => {
    const coordinator = await openIdle(directory)
    try {
      const throughput = await measureThroughput(coordinator, options, report)
      report.progress('memory of active transactions')
      const bytes = await activeBytes(coordinator, options.seconds)
      report.line(`memory of an active transaction: ${(bytes / 1024).toFixed(2)} KiB`)
      const growth = await measureGrowth(coordinator, options.transactions, report)
      return { ...throughput, activeBytes: Math.round(bytes), growth }
    } finally {
      await coordinator.close()
    }
  })
}

async function measureThroughput(
  coordinator: IdleCoordinator,
  { inFlight, seconds, rounds }: BenchOptions,
  report: Report,
): Promise<Figures> {
  const rows = [['in flight', 'tx/s', 'lowest', 'highest', 'CPU us/tx', 'main us/tx', 'forced/tx']]
  const perSecond: Record<string, number> = {}
  const forcedWritesPerTransaction: Record<string, number> = {}
  const cpuMicroseconds: Record<string, number> = {}
  report.progress('warming up')
  await closedLoad(100, { seconds: Math.min(seconds, 1) }, () => commitIdle(coordinator))
  const measured = inFlight.map((lanes) => ({ lanes, runs: [] as Measured[] }))
  for (let round = 1; round <= rounds; round += 1) {
    for (const { lanes, runs } of measured) {
      report.progress(`round ${round} of ${rounds}: ${lanes} in flight`)
      runs.push(await measureOnce(coordinator, lanes, seconds))
    }
  }
  for (const { lanes, runs } of measured) {
    const speed = summarize(runs.map((run) => run.perSecond))
    const cpu = summarize(runs.map((run) => run.cpuMicroseconds)).median
    const main = summarize(runs.map((run) => run.mainThreadMicroseconds)).median
    const forced = summarize(runs.map((run) => run.forced)).median
    const speeds = [speed.median, speed.lowest, speed.highest].map((each) => each.toFixed(0))
    rows.push([`${lanes}`, ...speeds, cpu.toFixed(1), main.toFixed(1), forced.toFixed(4)])
    perSecond[lanes] = speed.median
    forcedWritesPerTransaction[lanes] = forced
    cpuMicroseconds[lanes] = cpu
  }
  for (const row of table(rows)) report.line(row)
  return {
    perSecond: roundedAll(perSecond),
    forcedWritesPerTransaction: roundedAll(forcedWritesPerTransaction),
    cpuMicroseconds: roundedAll(cpuMicroseconds),
  }
}

interface Measured {
  readonly perSecond: number
  readonly cpuMicroseconds: number
  readonly mainThreadMicroseconds: number
  readonly forced: number
}

async function measureOnce(
  coordinator: IdleCoordinator,
  lanes: number,
  seconds: number,
): Promise<Measured> {
  const before = coordinator.logStatistics().forcedWrites
  const load = await closedLoad(lanes, { seconds }, () => commitIdle(coordinator))
  const forced = coordinator.logStatistics().forcedWrites - before
  return { ...load, forced: forced / load.transactions }
}

/** Microseconds a transaction in each part of one long run: log, outcomes and indexes grow. */
async function measureGrowth(
  coordinator: IdleCoordinator,
  transactions: number,
  report: Report,
): Promise<Figures | undefined> {
  if (transactions === 0) return undefined
  const count = Math.max(1, Math.floor(transactions / growthSteps))
  const parts: number[] = []
  for (let step = 1; step <= growthSteps; step += 1) {
    report.progress(`growth: ${(step - 1) * count} of ${transactions} transactions`)
    const load = await closedLoad(growthInFlight, { count }, () => commitIdle(coordinator))
    parts.push(load.cpuMicroseconds)
  }
  const { retainedOutcomes, bytesOnDisk } = coordinator.logStatistics()
  const shown = parts.map((part) => part.toFixed(1)).join('  ')
  report.line(`CPU us/tx over ${transactions} transactions, by tenths: ${shown}`)
  report.line(`outcomes retained: ${retainedOutcomes}; log on disk: ${bytesOnDisk} bytes`)
  const cpuMicroseconds = parts.map((part) => rounded(part))
  return { transactions, cpuMicroseconds, retainedOutcomes, bytesOnDisk }
}
