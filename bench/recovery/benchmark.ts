/**
 * A restart with a backlog: many transactions prepared at two participants, half of them decided and
 * not delivered, half without a decision.
 *
 * Measured from the call that opens the coordinator until the last branch of a decided transaction is
 * told, and until the last branch without a decision is rolled back. The second waits, by design, for
 * two sightings of an orphan and `orphanIntervalMs` between them (A7).
 */
import { defaultSettings } from '../../src/coordinator/settings.ts'
import type { BenchOptions } from '../command-line.ts'
import { withServers } from '../commit/servers.ts'
import type { Figures, Report } from '../report.ts'
import { withDirectory } from '../temporary-directory.ts'
import { recoverDatabases } from './databases.ts'
import { recoverIdle } from './idle.ts'

export function benchmarkRecovery(options: BenchOptions, report: Report): Promise<Figures> {
  const { transactions, prepared } = options
  const { orphanIntervalMs } = defaultSettings
  return withDirectory(options.logDirectory, async (directory) => {
    const idle = await recoverIdle({ directory, transactions, orphanIntervalMs }, report)
    if (prepared === 0) return { idle }
    const databases = await withServers('postgres+postgres', prepared, report, (urls) =>
      recoverDatabases({ urls, directory, prepared, orphanIntervalMs }, report),
    )
    return { idle, databases }
  })
}
