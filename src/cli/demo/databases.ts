/** The two databases of a run: servers of its own, or databases that the user names. */
import { join } from 'node:path'

import { messageOf } from '../../core/errors.ts'
import { parseBranchId } from '../../core/ids.ts'
import { CommandFailure } from '../failures.ts'
import { PostgresMissing } from '../postgres-server/program.ts'
import { startPostgresServer } from '../postgres-server/server.ts'
import type { Database } from './database.ts'
import { type DatabaseUrl, sameTwice } from './database-url.ts'
import { loadPg } from './driver.ts'
import { openMysql } from './mysql-database.ts'
import { type Side, sides } from './plan.ts'
import { openPostgres } from './postgres-database.ts'

export interface DatabasesOptions {
  /** Where servers of the demo's own have their data. */
  readonly directory: string
  /** The user's; what is missing of two, the demo starts itself. */
  readonly urls: readonly DatabaseUrl[]
  readonly concurrency: number
  /** Whether servers of its own outlive the run. */
  readonly keep: boolean
}

/**
 * Opens both, and has them checked. Rejects with `CommandFailure` where one can't take part; then
 * nothing was changed, and nothing is left running.
 */
export async function openDatabases(options: DatabasesOptions): Promise<readonly Database[]> {
  const own = sides.slice(0, sides.length - options.urls.length)
  const opened: Database[] = []
  try {
    for (const [index, { kind, url }] of options.urls.entries()) {
      const side = sides[own.length + index] as Side
      opened.push(
        kind === 'mysql' ? await openMysql(side, url) : await openPostgres(side, url, undefined),
      )
    }
    // The user's first: nothing has to be started for those that can't take part.
    await examine(opened)
    if (own.length > 0) await loadPg() // before anything is started that would need it
    const started = await Promise.allSettled(own.map((side) => startServer(side, options)))
    opened.unshift(...started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])))
    const failed = started.find((each) => each.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return opened
  } catch (failure) {
    await closeDatabases(opened)
    if (!(failure instanceof PostgresMissing)) throw failure
    throw new CommandFailure(`${failure.message}; or name ${namesInstead(options.urls)}`, {
      cause: failure,
    })
  }
}

/** Closes the connections, and removes the servers that are the demo's own. */
export async function closeDatabases(databases: readonly Database[]): Promise<void> {
  // The servers first: a pool may wait for an answer that does not come.
  await Promise.all(databases.map(({ server }) => server?.remove()))
  await Promise.all(databases.map((database) => database.end()))
}

/** The prepared branches of an installation in this database. */
export async function preparedOf(database: Database, installation: string): Promise<string[]> {
  const ids = await database.prepared()
  return ids.filter((id) => parseBranchId(id)?.installation === installation)
}

async function startServer(
  side: Side,
  { directory, concurrency, keep }: DatabasesOptions,
): Promise<Database> {
  const server = await startPostgresServer({
    directory: join(directory, side),
    outlives: keep,
    // A killed worker's branches stay prepared while the next one's are added.
    maxPreparedTransactions: 3 * concurrency + 10,
    settings: { max_connections: 3 * concurrency + 30 },
  })
  return await openPostgres(side, server.url, server)
}

/** Throws where one can't take part, or both are the same. */
async function examine(databases: readonly Database[]): Promise<void> {
  const fingerprints = new Set<string>()
  for (const database of databases) {
    const found = await reach(database).then(() => database.check())
    if (found.status === 'unavailable') throw unreachable(database, found.cause)
    if (found.status === 'refused') {
      throw new CommandFailure(`${database.shownUrl}: ${found.problem}. ${found.cure}`)
    }
    if (fingerprints.has(found.fingerprint)) throw new CommandFailure(sameTwice)
    fingerprints.add(found.fingerprint)
  }
}

async function reach(database: Database): Promise<void> {
  try {
    await database.query('select 1')
  } catch (cause) {
    throw unreachable(database, cause)
  }
}

function unreachable({ shownUrl }: Database, cause: unknown): CommandFailure {
  return new CommandFailure(`${shownUrl} can not be reached: ${messageOf(cause)}`, { cause })
}

function namesInstead(urls: readonly DatabaseUrl[]): string {
  return urls.length === 0
    ? 'two databases of yours, each with --postgres URL'
    : 'a database of yours with --postgres URL'
}
