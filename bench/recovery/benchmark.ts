/**
 * A restart with a backlog: many transactions prepared at two participants, half of them decided and
 * not delivered, half without a decision.
 *
 * Measured from the call that opens the coordinator until the last branch of a decided transaction is
 * told, and until the last branch without a decision is rolled back. The second waits, by design, for
 * two sightings of an orphan and `orphanIntervalMs` between them (A7).
 */
import { join } from 'node:path'
import { defaultSettings } from '../../src/coordinator/settings.ts'
import type { BenchOptions } from '../command-line.ts'
import { withServers } from '../commit/servers.ts'
import type { Figures, Report } from '../report.ts'
import { withDirectory } from '../temporary-directory.ts'
import { recoverDatabases } from './databases.ts'
import { recoverIdle } from './idle.ts'
import { describeRestarts, measureRestarts, summaryOf } from './restarts.ts'

export function benchmarkRecovery(options: BenchOptions, report: Report): Promise<Figures> {
  const { transactions, prepared, rounds } = options
  const { orphanIntervalMs } = defaultSettings
  return withDirectory(options.logDirectory, async (parent) => {
    report.line(`${transactions} transactions prepared at two participants that do nothing:`)
    const idle = await measureRestarts(rounds, report, (round) =>
      recoverIdle({ directory: join(parent, `idle-${round}`), transactions, orphanIntervalMs }),
    )
    for (const line of describeRestarts(idle)) report.line(line)
    const ofIdle = { transactions, ...summaryOf(idle) }
    if (prepared === 0) return { idle: ofIdle }
    const databases = await withServers('postgres+postgres', prepared, report, (urls) => {
      report.line(`${prepared} transactions prepared at two PostgreSQL servers:`)
      return measureRestarts(rounds, report, (round) => {
        const directory = join(parent, `databases-${round}`)
        return recoverDatabases({ urls, directory, prepared, orphanIntervalMs })
      })
    })
    for (const line of describeRestarts(databases)) report.line(line)
    return { idle: ofIdle, databases: { prepared, ...summaryOf(databases) } }
  })
}
