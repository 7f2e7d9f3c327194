/** What the figures were measured on: the machine, the programs, and the disk of the log. */
import { createRequire } from 'node:module'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { performance } from 'node:perf_hooks'
import { locatePostgres } from '../src/cli/postgres-server/program.ts'
import { locateMariadb, MariadbMissing } from '../test/harness/mariadb-server/program.ts'
import type { BenchOptions } from './command-line.ts'
import { openForcedFile } from './commit/forced-file.ts'
import { median, rounded } from './figures.ts'
import { JavaMissing, locateJava } from './peers/build.ts'
import { peerVersions } from './peers/versions.ts'
import { withDirectory } from './temporary-directory.ts'

const forcedWrites = 100
/** As long as a decision's record. */
const record = 'decision'.repeat(8)

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  /** How many wanted to run, on average, in the minute before the run. */
  readonly loadBefore: number
  /** The median of so many on the log's disk, one after the other. */
  readonly forcedWriteMs: number
}

/** By the program's name; those that take part. */
export type Versions = Readonly<Record<string, string>>

export interface Surroundings {
  readonly machine: Machine
  readonly versions: Versions
}

export async function lookAround(options: BenchOptions): Promise<Surroundings> {
  const versions = await versionsOf(options)
  const forcedWriteMs = rounded(await medianForcedWriteMs(options.logDirectory))
  return { machine: { ...hardware(), forcedWriteMs }, versions }
}

export function describeSurroundings({ machine, versions }: Surroundings): string[] {
  const { processor, cores, memoryGiB, system, loadBefore, forcedWriteMs } = machine
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [
    `${cores} x ${processor}, ${memoryGiB} GiB, ${system}; load before the run ${loadBefore}`,
    named.join(', '),
    `a forced write on the log's disk: ${forcedWriteMs} ms, the median of ${forcedWrites}`,
  ]
}

function hardware(): Omit<Machine, 'forcedWriteMs'> {
  return {
    processor: cpus()[0]?.model.trim().replaceAll(/\s+/g, ' ') ?? 'an unknown processor',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    loadBefore: rounded(loadavg()[0] ?? 0),
  }
}

/** Of a program that is missing the benchmark tells that wants it. */
async function versionsOf({ benchmark, pair, part, prepared }: BenchOptions): Promise<Versions> {
  const java = benchmark === 'peers' ? await locateJava().catch(unlessMissing) : undefined
  const takesPostgres = {
    coordinator: false,
    commit: true,
    peers: java !== undefined && part !== 'coordinator',
    recovery: prepared > 0,
  }[benchmark]
  const takesMariadb = benchmark === 'commit' && pair !== 'postgres+postgres'
  const mariadb = takesMariadb ? await locateMariadb().catch(unlessMissing) : undefined
  return {
    Node: process.versions.node,
    ...(takesPostgres && {
      PostgreSQL: (await locatePostgres()).version,
      'node-postgres': packageVersion('pg'),
    }),
    ...(mariadb && { MariaDB: mariadb.version, mysql2: packageVersion('mysql2') }),
    ...(java && { Java: java.version, ...(await peerVersions()) }),
  }
}

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof MariadbMissing || error instanceof JavaMissing)) throw error
}

/** Of an installed package. */
function packageVersion(name: 'pg' | 'mysql2'): string {
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
