/**
 * Suites that need real MariaDB servers; see `servers.ts` for how they come and go. The environment
 * may name servers instead: ASSENT_TEST_MARIADB_URLS, and ASSENT_TEST_MYSQL_URLS, with which each
 * suite runs on MySQL as well.
 */
import callbackMysql from 'mysql2'
import mysql from 'mysql2/promise'

import {
  administer,
  databaseUrl,
  ExternalServer,
  externalUrls,
  type ServerFlavour,
  unkillable,
  variables,
} from './mariadb-server/external.ts'
import { locateMariadb } from './mariadb-server/program.ts'
import {
  type MariadbServer,
  type MariadbServerOptions,
  startMariadbServer,
} from './mariadb-server/server.ts'
import { OwnedServers, SharedByName, suiteOnServers, whyMissing } from './servers.ts'

export { accountUrl, administer, databaseUrl } from './mariadb-server/external.ts'
export type { MariadbServer, MariadbServerOptions, ServerFlavour }

/** A server that tests share: ours, or one that the environment names. */
export type SharedServer = MariadbServer | ExternalServer

/** The servers and pools of one suite. */
export class MariadbServers {
  readonly flavour: ServerFlavour
  /** Why tests that need `start` can't run here, or false; as the option `skip` of a test. */
  readonly notOurs: string | false
  readonly #urls: readonly string[]
  readonly #shared = new SharedByName<Promise<SharedServer>>()
  readonly #owned = new OwnedServers<SharedServer>()
  readonly #pools: { close(): void }[] = []
  readonly #databases: string[] = []

  constructor(flavour: ServerFlavour, urls: readonly string[]) {
    this.flavour = flavour
    this.#urls = urls
    this.notOurs = urls.length === 0 ? false : unkillable(flavour)
  }

  /** The server of that name; started on first use. For tests that leave a server as it is. */
  shared(name = 'main'): Promise<SharedServer> {
    const index = this.#shared.size
    return this.#shared.get(name, () =>
      this.notOurs === false ? this.start() : this.#owned.add(this.#external(index)),
    )
  }

  /** A server for one test, which may kill it or set it up otherwise; see `notOurs`. */
  async start(options: MariadbServerOptions = {}): Promise<MariadbServer> {
    if (this.notOurs !== false) throw new Error(this.notOurs)
    const started = startMariadbServer(options)
    await this.#owned.add(started)
    return await started
  }

  /** A pool that is closed with the suite, and that survives the loss of its server. */
  pool(url: string, config: mysql.PoolOptions = {}): mysql.Pool {
    const pool = mysql.createPool({ uri: url, connectionLimit: 4, ...config })
    this.#pools.push({ close: () => void pool.end().catch(() => undefined) })
    return pool
  }

  /** The same with the driver's callbacks instead of promises. */
  callbackPool(url: string, config: callbackMysql.PoolOptions = {}): callbackMysql.Pool {
    const pool = callbackMysql.createPool({ uri: url, connectionLimit: 4, ...config })
    this.#pools.push({ close: () => pool.end(() => undefined) })
    return pool
  }

  /** A new, empty database on that server; answers its URL. */
  async database(server: { readonly url: string }): Promise<string> {
    const name = `test_${process.pid}_${this.#databases.length + 1}`
    const url = databaseUrl(server.url, name)
    this.#databases.push(url)
    await administer(server.url, `drop database if exists ${name}`, `create database ${name}`)
    return url
  }

  /** Closes the pools and removes the servers; of others' servers, what we made there. */
  async close(): Promise<void> {
    if (this.notOurs !== false) await Promise.all(this.#databases.map(dropDatabase))
    // The servers first: a pool waits for connections that a failed test never gave back.
    await this.#owned.remove()
    for (const pool of this.#pools) pool.close()
  }

  async #external(index: number): Promise<ExternalServer> {
    const url = this.#urls[index]
    if (url === undefined) {
      throw new Error(
        `this test needs ${index + 1} servers, and ${variables[this.flavour]} names ` +
          `${this.#urls.length}`,
      )
    }
    return await ExternalServer.open(this.flavour, url, `test_${process.pid}_server_${index}`)
  }
}

async function dropDatabase(url: string): Promise<void> {
  await administer(url, `drop database if exists ${new URL(url).pathname.slice(1)}`)
}

/** Why there is no MariaDB server to be had here, or undefined. */
export async function missingMariadb(): Promise<string | undefined> {
  return externalUrls('mariadb').length > 0 ? undefined : await whyMissing(locateMariadb)
}

/**
 * A suite on real MariaDB servers, and on MySQL servers where the environment names some. Await it at
 * the top of the test file.
 *
 * @example
 * await mariadbSuite('money moves', (servers) => {
 *   test('from one server to another', async () => {
 *     const pool = servers.pool((await servers.shared('a')).url)
 *   })
 *   test('over a crash', { skip: servers.notOurs }, async () => {
 *     const server = await servers.start()
 *     await server.restart()
 *   })
 * })
 */
export async function mariadbSuite(
  name: string,
  define: (servers: MariadbServers) => void,
): Promise<void> {
  const missing = await missingMariadb()
  const make = (): MariadbServers => new MariadbServers('mariadb', externalUrls('mariadb'))
  suiteOnServers(name, { required: 'mariadb', missing, make }, define)
  const mysqlUrls = externalUrls('mysql')
  if (mysqlUrls.length === 0) return
  const onMysql = {
    required: 'mysql',
    missing: undefined,
    make: () => new MariadbServers('mysql', mysqlUrls),
  }
  suiteOnServers(`${name}, on MySQL`, onMysql, define)
}
