/** The two databases of a run: servers of its own, or databases that the user names. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { messageOf } from '../../core/errors.ts'
import { parseBranchId } from '../../core/ids.ts'
import { CommandFailure, UsageError } from '../failures.ts'
import { type PostgresServer, startPostgresServer } from '../postgres-server/server.ts'
import { loadPg } from './driver.ts'
import { type Side, sides } from './plan.ts'

export interface Database {
  readonly side: Side
  readonly url: string
  /** For people: without the password of a database that is the user's. */
  readonly shownUrl: string
  /** For what the demo itself asks; survives the loss of its connections. */
  readonly pool: Pool
  /** Undefined for a database that is the user's: it is never killed. */
  readonly server: PostgresServer | undefined
}

const connectLimitMs = 5_000
const connectionsMax = 3

/** Starts two servers below `directory`. Rejects with `PostgresMissing` where there are none. */
export async function startServers(
  directory: string,
  options: { readonly concurrency: number; readonly outlive: boolean },
): Promise<readonly Database[]> {
  const { concurrency, outlive } = options
  const started = await Promise.allSettled(
    sides.map((side) =>
      startPostgresServer({
        directory: join(directory, side),
        outlives: outlive,
        // A killed worker's branches stay prepared while the next one's are added.
        maxPreparedTransactions: 3 * concurrency + 10,
        settings: { max_connections: 3 * concurrency + 30 },
      }),
    ),
  )
  const servers = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const failed = started.find((each) => each.status === 'rejected')
  if (failed !== undefined) {
    await Promise.all(servers.map((server) => server.remove()))
    await rm(directory, { recursive: true, force: true })
    throw failed.reason
  }
  return await Promise.all(
    sides.map((side, index) => {
      const server = servers[index] as PostgresServer
      return openDatabase(side, server.url, server)
    }),
  )
}

/** Connects to databases of the user's. Throws where one can't take part; nothing is changed. */
export async function connectDatabases(urls: readonly string[]): Promise<readonly Database[]> {
  const databases = await Promise.all(
    sides.map((side, index) => openDatabase(side, urls[index] ?? '', undefined)),
  )
  try {
    for (const database of databases) await examine(database)
    return databases
  } catch (failure) {
    await Promise.all(databases.map(({ pool }) => pool.end()))
    throw failure
  }
}

/** Throws `UsageError` for anything but two URLs of PostgreSQL databases, or none. */
export function checkUrls(urls: readonly string[]): void {
  if (urls.length !== 0 && urls.length !== 2) {
    throw new UsageError('--postgres is given twice, for two databases, or not at all')
  }
  for (const url of urls) {
    const protocol = URL.canParse(url) ? new URL(url).protocol : ''
    if (protocol !== 'postgres:' && protocol !== 'postgresql:') {
      throw new UsageError('--postgres takes a URL such as postgres://user@host/database')
    }
  }
  if (urls.length === 2 && urls[0] === urls[1]) {
    throw new UsageError('--postgres names the same database twice; it takes two databases')
  }
}

/** The prepared branches of an installation in this database. */
export async function preparedOf({ pool }: Database, installation: string): Promise<string[]> {
  const { rows } = await pool.query<{ gid: string }>(
    'select gid from pg_prepared_xacts where database = current_database()',
  )
  const gids = rows.map(({ gid }) => gid)
  return gids.filter((gid) => parseBranchId(gid)?.installation === installation)
}

/** How many sessions of a killed program the server has not noticed to be gone. */
export async function sessionsOf({ pool }: Database, applicationName: string): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(
    `select count(*) from pg_stat_activity
     where datname = current_database() and application_name = $1
       and wait_event_type is distinct from 'Lock'`,
    [applicationName],
  )
  return Number(rows[0]?.count ?? 0)
}

async function openDatabase(
  side: Side,
  url: string,
  server: PostgresServer | undefined,
): Promise<Database> {
  const pg = await loadPg()
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'assent-demo',
    connectionTimeoutMillis: connectLimitMs,
    max: connectionsMax,
  })
  pool.on('error', () => undefined)
  return { side, url, shownUrl: server === undefined ? withoutPassword(url) : url, pool, server }
}

async function examine({ pool, shownUrl }: Database): Promise<void> {
  let slots: string | undefined
  try {
    const { rows } = await pool.query<{ slots: string }>(
      `select current_setting('max_prepared_transactions') as slots`,
    )
    slots = rows[0]?.slots
  } catch (cause) {
    throw new CommandFailure(`${shownUrl} can not be reached: ${messageOf(cause)}`, { cause })
  }
  if (slots !== '0') return
  throw new CommandFailure(
    `${shownUrl} has max_prepared_transactions = 0; set it to 64 and restart that server`,
  )
}

function withoutPassword(url: string): string {
  const shown = new URL(url)
  if (shown.password !== '') shown.password = '***'
  if (shown.searchParams.has('password')) shown.searchParams.set('password', '***')
  return shown.href
}
