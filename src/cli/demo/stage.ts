/** What a run stands on: a directory, two databases with the bank in them, and their removal. */
import { rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, messageOf } from '../../core/errors.ts'
import { CommandFailure } from '../failures.ts'
import { PostgresMissing } from '../postgres-server/program.ts'
import { moneyIn } from './audit.ts'
import { dropBank, openAccounts } from './bank.ts'
import { connectDatabases, type Database, startServers } from './databases.ts'
import { loadPg } from './driver.ts'
import type { Side } from './plan.ts'

export interface StageOptions {
  /** An empty directory of the run; it goes with the stage. */
  readonly directory: string
  /** Databases of the user's; none for servers of its own. */
  readonly urls: readonly string[]
  readonly concurrency: number
  /** Letters and digits that no other run has. */
  readonly run: string
  /** Whether it stays when the run is over. */
  readonly keep: boolean
}

export interface Stage {
  readonly databases: readonly Database[]
  readonly schema: string
  /** The directory of the decision log. */
  readonly log: string
  /** Money in each database before anything moves. */
  readonly before: Readonly<Record<Side, number>>
  /** Takes it down, or leaves it for `keep`; answers what was left behind, a line each. */
  strike(): Promise<readonly string[]>
  /** The same without waiting. */
  strikeNow(): void
}

const schemaExists = '42P06'

export async function setStage(options: StageOptions): Promise<Stage> {
  const { directory } = options
  const schema = `assent_demo_${options.run}`
  let databases: readonly Database[] = []
  try {
    databases = await openDatabases(options)
    await openBanks(databases, schema)
    const [left = 0, right = 0] = await Promise.all(
      databases.map((database) => moneyIn(database, schema)),
    )
    const log = join(directory, 'transactions')
    return {
      databases,
      schema,
      log,
      before: { left, right },
      strike: () => strike(directory, databases, schema, options.keep),
      strikeNow: () => {
        if (!options.keep) strikeNow(directory, databases)
      },
    }
  } catch (failure) {
    await takeDown(directory, databases)
    throw failure
  }
}

async function openDatabases({
  directory,
  urls,
  concurrency,
  keep,
}: StageOptions): Promise<readonly Database[]> {
  if (urls.length > 0) return await connectDatabases(urls)
  await loadPg() // before anything is started that would need it
  try {
    return await startServers(directory, { concurrency, outlive: keep })
  } catch (failure) {
    if (!(failure instanceof PostgresMissing)) throw failure
    const message = `${failure.message}; or name two databases of yours, each with --postgres URL`
    throw new CommandFailure(message, { cause: failure })
  }
}

/** One after the other: a schema that is there already tells that both names mean one database. */
async function openBanks(databases: readonly Database[], schema: string): Promise<void> {
  const opened: Database[] = []
  try {
    for (const database of databases) {
      await openAccounts(database.pool, schema)
      opened.push(database)
    }
  } catch (failure) {
    for (const { pool } of opened) await dropBank(pool, schema)
    if (codeOf(failure) !== schemaExists) throw failure
    throw new CommandFailure('--postgres names the same database twice; it takes two databases', {
      cause: failure,
    })
  }
}

async function strike(
  directory: string,
  databases: readonly Database[],
  schema: string,
  keep: boolean,
): Promise<readonly string[]> {
  if (keep) {
    await Promise.all(databases.map(({ pool }) => pool.end()))
    return keptLines(directory, databases, schema)
  }
  const left: string[] = []
  for (const { pool, server, shownUrl } of databases) {
    if (server !== undefined) continue
    await dropBank(pool, schema).catch((failure: unknown) => {
      left.push(`the schema ${schema} is left in ${shownUrl}: ${messageOf(failure)}`)
    })
  }
  await takeDown(directory, databases)
  return left
}

async function takeDown(directory: string, databases: readonly Database[]): Promise<void> {
  // The servers first: a pool may wait for an answer that does not come.
  await Promise.all(databases.map(({ server }) => server?.remove()))
  await Promise.all(databases.map(({ pool }) => pool.end()))
  await rm(directory, { recursive: true, force: true })
}

function strikeNow(directory: string, databases: readonly Database[]): void {
  for (const { server } of databases) {
    if (server?.pid !== undefined) process.kill(server.pid, 'SIGKILL')
  }
  removeNow(directory)
}

/** Without waiting; what is just being written there is tried again. */
export function removeNow(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

function keptLines(directory: string, databases: readonly Database[], schema: string): string[] {
  const pids = databases.flatMap(({ server }) => server?.pid ?? [])
  const stop = pids.length > 0 ? `kill -INT ${pids.join(' ')}; sleep 2; ` : ''
  return [
    ...databases.map(({ side, shownUrl }) => `kept: ${side}, ${shownUrl}, schema ${schema}`),
    `kept: the decision log, ${join(directory, 'transactions')}`,
    `to remove it all: ${stop}rm -rf ${directory}`,
  ]
}
