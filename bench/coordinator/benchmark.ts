/**
 * The transaction manager alone: two participants that do nothing, the decision forced to disk.
 *
 * Throughput by transactions in flight, forced writes, the memory of one that is active, and whether
 * a transaction costs the same however many went before it in the same run.
 */
import { join } from 'node:path'
import type { BenchOptions } from '../command-line.ts'
import { rounded, roundedAll, summarize } from '../figures.ts'
import { closedLoad } from '../load.ts'
import { type Figures, type Report, table } from '../report.ts'
import { withDirectory } from '../temporary-directory.ts'
import { measureGrowth } from './growth.ts'
import { commitIdle, type IdleCoordinator, withIdle } from './idle-coordinator.ts'
import { activeBytes } from './memory.ts'

export function benchmarkCoordinator(options: BenchOptions, report: Report): Promise<Figures> {
  return withDirectory(options.logDirectory, async (directory) => {
    const figures = await withIdle(join(directory, 'many'), async (coordinator) => {
      const throughput = await measureThroughput(coordinator, options, report)
      report.progress('memory of active transactions')
      const bytes = await activeBytes(coordinator, options.seconds)
      report.line(`memory of an active transaction: ${bytes.toFixed(0)} bytes`)
      return { ...throughput, activeBytes: Math.round(bytes) }
    })
    if (options.transactions === 0) return figures
    const growth = await measureGrowth(join(directory, 'growth'), options.transactions, report)
    return { ...figures, growth }
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
  const perSecondSpread: Record<string, readonly [lowest: number, highest: number]> = {}
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
    perSecondSpread[lanes] = [rounded(speed.lowest), rounded(speed.highest)]
    forcedWritesPerTransaction[lanes] = forced
    cpuMicroseconds[lanes] = cpu
  }
  for (const row of table(rows)) report.line(row)
  return {
    perSecond: roundedAll(perSecond),
    perSecondSpread,
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
