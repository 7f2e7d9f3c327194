/** Suites that need real PostgreSQL servers; see `servers.ts` for how they come and go. */
import pg from 'pg'

import { locatePostgres } from '../../src/cli/postgres-server/program.ts'
import {
  type PostgresServer,
  type PostgresServerOptions,
  startPostgresServer,
} from '../../src/cli/postgres-server/server.ts'
import { OwnedServers, SharedByName, suiteOnServers, whyMissing } from './servers.ts'

export type { PostgresServer, PostgresServerOptions }

/** The servers and pools of one suite. */
export class PostgresServers {
  readonly #shared = new SharedByName<Promise<PostgresServer>>()
  readonly #owned = new OwnedServers<PostgresServer>()
  readonly #pools: pg.Pool[] = []
  #databases = 0

  /** The server of that name; started on first use. For tests that leave a server as it is. */
  shared(name = 'main'): Promise<PostgresServer> {
    return this.#shared.get(name, () => this.start())
  }

  /** A server for one test, which may kill it or set it up otherwise. */
  start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    return this.#owned.add(startPostgresServer(options))
  }

  /** A pool that is closed with the suite, and that survives the loss of its server. */
  pool(url: string, config: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool({ connectionString: url, max: 4, ...config })
    pool.on('error', () => undefined)
    this.#pools.push(pool)
    return pool
  }

  /** A new, empty database on that server; answers its URL. */
  async database(server: PostgresServer): Promise<string> {
    this.#databases += 1
    const name = `test_${process.pid}_${this.#databases}`
    const admin = new pg.Client(server.url)
    admin.on('error', () => undefined)
    await admin.connect()
    await admin.query(`create database ${name} strategy file_copy`)
    await admin.end()
    return databaseUrl(server.url, name)
  }

  /** Closes the pools and removes the servers. */
  async close(): Promise<void> {
    // The servers first: a pool waits for connections that a failed test never gave back.
    await this.#owned.remove()
    for (const pool of this.#pools) if (!pool.ending) void pool.end()
  }
}

/** The same server, another database. */
export function databaseUrl(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}

/** The same server and database, another role. */
export function roleUrl(url: string, role: string, password: string): string {
  const changed = new URL(url)
  changed.username = role
  changed.password = password
  return changed.href
}

/** Why there is no server to be had here, or undefined. */
export function missingPostgres(): Promise<string | undefined> {
  return whyMissing(locatePostgres)
}

/**
 * A suite on real servers. Await it at the top of the test file.
 *
 * @example
 * await postgresSuite('money moves', (servers) => {
 *   test('from one server to another', async () => {
 *     const pool = servers.pool((await servers.shared('a')).url)
 *   })
 * })
 */
export async function postgresSuite(
  name: string,
  define: (servers: PostgresServers) => void,
): Promise<void> {
  const missing = await missingPostgres()
  const kind = { required: 'postgres', missing, make: () => new PostgresServers() }
  suiteOnServers(name, kind, define)
}
