/**
 * Suites that need real PostgreSQL servers: started when first asked for, shared by the tests of a
 * file, removed after it. Without a server the suite is skipped loudly; `REQUIRE=postgres` (a list)
 * turns the skip into a failure.
 */
import { after, describe, test } from 'node:test'
import pg from 'pg'

import { locatePostgres } from '../../src/cli/postgres-server/program.ts'
import {
  type PostgresServer,
  type PostgresServerOptions,
  startPostgresServer,
} from '../../src/cli/postgres-server/server.ts'

export type { PostgresServer, PostgresServerOptions }

/** The servers and pools of one suite. */
export class PostgresServers {
  readonly #shared = new Map<string, Promise<PostgresServer>>()
  readonly #owned: Promise<PostgresServer>[] = []
  readonly #pools: pg.Pool[] = []
  #databases = 0

  /** The server of that name; started on first use. For tests that leave a server as it is. */
  shared(name = 'main'): Promise<PostgresServer> {
    const known = this.#shared.get(name)
    if (known !== undefined) return known
    const started = this.start()
    this.#shared.set(name, started)
    return started
  }

  /** A server for one test, which may kill it or set it up otherwise. */
  start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const started = startPostgresServer(options)
    this.#owned.push(started)
    return started
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
    const servers = await Promise.allSettled(this.#owned)
    // The servers first: a pool waits for connections that a failed test never gave back.
    await Promise.all(servers.map((each) => each.status === 'fulfilled' && each.value.remove()))
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
export async function missingPostgres(): Promise<string | undefined> {
  return locatePostgres().then(
    () => undefined,
    (error: Error) => error.message,
  )
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
  if (missing === undefined) {
    describe(name, () => {
      const servers = new PostgresServers()
      after(() => servers.close())
      define(servers)
    })
    return
  }
  const required = (process.env.REQUIRE ?? '').split(',').includes('postgres')
  if (required) {
    test(name, () => {
      throw new Error(`REQUIRE=postgres, and ${missing}`)
    })
    return
  }
  process.stderr.write(`SKIPPED ${name}: ${missing}\n`)
  test(name, { skip: missing }, () => undefined)
}
