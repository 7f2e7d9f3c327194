/** What the figures were measured on: the machine, the programs, and the disk of the log. */
import { createRequire } from 'node:module'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { performance } from 'node:perf_hooks'
import { locatePostgres } from '../src/cli/postgres-server/program.ts'
import { locateMariadb, MariadbMissing } from '../test/harness/mariadb-server/program.ts'
import type { BenchOptions } from './command-line.ts'
import { openForcedFile } from './commit/forced-file.ts'
import { median } from './figures.ts'
import { JavaMissing, locateJava } from './peers/build.ts'
import { withDirectory } from './temporary-directory.ts'

const forcedWrites = 100
/** As long as a decision's record. */
const record = 'decision'.repeat(8)

export async function describeMachine(options: BenchOptions): Promise<string[]> {
  const programs = await programsOf(options)
  const forcedMs = await medianForcedWriteMs(options.logDirectory)
  return [
    hardware(),
    ...(programs.length > 0 ? [programs.join(', ')] : []),
    `a forced write on the log's disk: ${forcedMs.toFixed(2)} ms, the median of ${forcedWrites}`,
  ]
}

function hardware(): string {
  const model = cpus()[0]?.model.trim().replaceAll(/\s+/g, ' ') ?? 'an unknown processor'
  const memory = (totalmem() / 2 ** 30).toFixed(0)
  const busy = (loadavg()[0] ?? 0).toFixed(1)
  return (
    `${availableParallelism()} x ${model}, ${memory} GiB, ${type()} ${release()}, ` +
    `Node ${process.versions.node}; load before the run ${busy}`
  )
}

/** Those that take part; of one that is missing the benchmark tells that wants it. */
async function programsOf({ benchmark, pair, part, prepared }: BenchOptions): Promise<string[]> {
  const java = benchmark === 'peers' ? await locateJava().catch(unlessMissing) : undefined
  const takesPostgres = {
    coordinator: false,
    commit: true,
    peers: java !== undefined && part !== 'coordinator',
    recovery: prepared > 0,
  }[benchmark]
  const takesMariadb = benchmark === 'commit' && pair !== 'postgres+postgres'
  const mariadb = takesMariadb ? await locateMariadb().catch(unlessMissing) : undefined
  return [
    ...(takesPostgres ? [`PostgreSQL ${(await locatePostgres()).version}`] : []),
    ...(takesPostgres ? [`node-postgres ${versionOf('pg')}`] : []),
    ...(mariadb ? [`MariaDB ${mariadb.version}`, `mysql2 ${versionOf('mysql2')}`] : []),
    ...(java ? [`Java ${java.version}`] : []),
  ]
}

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof MariadbMissing || error instanceof JavaMissing)) throw error
}

/** Of an installed package. */
function versionOf(name: 'pg' | 'mysql2'): string {
  const { version } = createRequire(import.meta.url)(`${name}/package.json`) as { version: string }
  return version
}

/** Appended one after the other, as those of a log are with one transaction in flight. */
function medianForcedWriteMs(parent: string | undefined): Promise<number> {
  return withDirectory(parent, async (directory) => {
    const file = await openForcedFile(directory)
    const tookMs: number[] = []
    try {
      for (let count = 0; count < forcedWrites; count += 1) {
        const begun = performance.now()
        await file.force(record)
        tookMs.push(performance.now() - begun)
      }
    } finally {
      await file.close()
    }
    return median(tookMs)
  })
}
