/** The servers of a suite, one for each side of the bank; all are our own, for they are killed. */
import { MariadbServers } from '../../harness/mariadb.ts'
import { locateMariadb } from '../../harness/mariadb-server/program.ts'
import { missingPostgres, PostgresServers } from '../../harness/postgres.ts'
import { type ServerKind, whyMissing } from '../../harness/servers.ts'
import { type Side, sides } from '../worker/settings.ts'
import { mariadbStore } from './mariadb.ts'
import { kindsOf, type Pair } from './pairs.ts'
import { postgresStore } from './postgres.ts'
import type { Store, StoreKind } from './store.ts'

export class StoreServers {
  readonly #kinds: Readonly<Record<Side, StoreKind>>
  readonly #postgres = new PostgresServers()
  readonly #mariadb = new MariadbServers('mariadb', [])

  constructor(pair: Pair) {
    this.#kinds = kindsOf(pair)
  }

  /** Starts both servers. */
  async start(): Promise<Readonly<Record<Side, Store>>> {
    const [left, right] = await Promise.all(sides.map((side) => this.#start(side)))
    return { left: left as Store, right: right as Store }
  }

  async close(): Promise<void> {
    await Promise.all([this.#postgres.close(), this.#mariadb.close()])
  }

  async #start(side: Side): Promise<Store> {
    if (this.#kinds[side] === 'mariadb') {
      const server = await this.#mariadb.start()
      return mariadbStore(server, this.#mariadb.pool(server.url))
    }
    const server = await this.#postgres.start()
    return postgresStore(server, this.#postgres.pool(server.url))
  }
}

/** The servers of a pair, for `suiteOnServers`. */
export async function serversOf(pair: Pair): Promise<ServerKind<StoreServers>> {
  const make = (): StoreServers => new StoreServers(pair)
  const whyNot = { postgres: missingPostgres, mariadb: () => whyMissing(locateMariadb) }
  for (const kind of new Set(Object.values(kindsOf(pair)))) {
    const missing = await whyNot[kind]()
    if (missing !== undefined) return { required: kind, missing, make }
  }
  return { required: 'postgres', missing: undefined, make }
}
