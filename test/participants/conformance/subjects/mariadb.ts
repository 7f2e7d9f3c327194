/** MariaDB, and MySQL where the environment names servers, over a mysql2 pool of either flavour. */
import callbacks from 'mysql2'
import promises from 'mysql2/promise'

import type { Decision } from '../../../../src/core/decision.ts'
import { mysql } from '../../../../src/mysql.ts'
import type { MariadbServer, MariadbServers } from '../../../harness/mariadb.ts'
import { until } from '../../../harness/until.ts'
import {
  type Capability,
  databaseCapabilities,
  type HeldConnection,
  type Opened,
  type OpenOptions,
  type Server,
  type Subject,
  type UserPool,
  type Work,
} from '../subject.ts'

/** `ASNT`, by which a server tells our branches from those of others. */
const ourFormat = 1_095_978_580

/** How the user's pool talks. */
export type Flavour = 'promises' | 'callbacks'

/** What runs a statement on a connection, whatever the flavour. */
type Ask = (sql: string, values?: readonly string[]) => Promise<promises.RowDataPacket[]>

export const mariadbCapabilities: ReadonlySet<Capability> = new Set(databaseCapabilities)

export async function mariadbSubject(servers: MariadbServers, flavour: Flavour): Promise<Subject> {
  const server = await servers.shared('here')
  const url = await servers.database(server)
  const elsewhere = (await servers.shared('elsewhere')).url
  const outside = servers.pool(url, { connectionLimit: 1 })
  await outside.query('create table item (id varchar(100) primary key) engine = innodb')
  const killable = servers.notOurs === false ? (server as MariadbServer) : undefined
  return new MariadbSubject(killable, {
    flavour,
    url,
    elsewhere,
    outside,
  })
}

interface Places {
  readonly flavour: Flavour
  readonly url: string
  /** Another server. */
  readonly elsewhere: string
  /** Our own look at the database. */
  readonly outside: promises.Pool
}

class MariadbSubject implements Subject {
  readonly name = 'MariaDB'
  readonly can = mariadbCapabilities
  readonly server?: Server
  readonly sessions = { count: () => this.#countSessions(), cutOff: () => this.#cutOff() }
  readonly #killable: MariadbServer | undefined
  readonly #places: Places

  constructor(killable: MariadbServer | undefined, places: Places) {
    this.#killable = killable
    this.#places = places
    if (killable !== undefined) this.server = killable
  }

  open(options: OpenOptions): Opened {
    return openOver(this.#places.flavour, this.#places.url, options)
  }

  openElsewhere(): Opened {
    return openOver(this.#places.flavour, this.#places.elsewhere, {})
  }

  work(client: unknown): Work {
    return workOf(askOf(this.#places.flavour, client))
  }

  async isVisible(key: string): Promise<boolean> {
    return (await this.#ask('select 1 from item where id = ?', [key])).length === 1
  }

  async preparedIds(): Promise<readonly string[]> {
    return (await this.#ask('xa recover')).map(listedId)
  }

  async isPrepared(id: string): Promise<boolean> {
    return (await this.preparedIds()).includes(id)
  }

  async prepareStranger(id: string): Promise<string> {
    const stranger = await promises.createConnection(this.#places.url)
    for (const statement of [
      `xa start '${id}'`,
      `insert into item values ('${id}')`,
      `xa end '${id}'`,
      `xa prepare '${id}'`,
    ]) {
      await stranger.query(statement)
    }
    await stranger.end()
    return `'${id}','',1`
  }

  /** An operator finishes by what XA RECOVER shows; the session that prepared has to be gone. */
  async finishOutside(id: string, decision: Decision): Promise<void> {
    const verb = decision === 'committed' ? 'commit' : 'rollback'
    await until(`${id} can be finished`, async () => {
      const row = (await this.#ask('xa recover')).find((each) => listedId(each) === id)
      if (row === undefined) return true
      const finishing = this.#ask(`xa ${verb} ${xidOf(row)}`)
      return await finishing.then(
        () => true,
        () => false,
      )
    })
  }

  async cleanUp(): Promise<void> {
    if (this.#killable !== undefined && this.#killable.pid === undefined) {
      await this.#killable.start()
    }
    await this.#cutOff()
    for (const id of await this.preparedIds()) await this.finishOutside(id, 'aborted')
  }

  async #countSessions(): Promise<number> {
    return (await this.#otherSessions()).length
  }

  async #cutOff(): Promise<void> {
    for (const id of await this.#otherSessions()) {
      await this.#ask(`kill ${id}`).catch(() => undefined) // it may have gone by itself
    }
    await until('the sessions are gone', async () => (await this.#countSessions()) === 0)
  }

  async #otherSessions(): Promise<number[]> {
    const rows = await this.#ask(
      `select id from information_schema.processlist
       where db = database() and id <> connection_id()`,
    )
    return rows.map(({ id }) => Number(id))
  }

  /** Asks again while the connections of before a crash are being thrown away. */
  async #ask(
    sql: string,
    values: readonly string[] = [],
  ): Promise<readonly promises.RowDataPacket[]> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return (await this.#places.outside.query<promises.RowDataPacket[]>(sql, [...values]))[0]
      } catch (error) {
        const isOfTheServer = (error as { sqlState?: string }).sqlState !== undefined
        if (isOfTheServer || attempt === 3) throw error
      }
    }
  }
}

/** The id by which a participant lists a row of XA RECOVER: a branch id, or a stranger's xid. */
function listedId(row: promises.RowDataPacket): string {
  const [global, branch] = partsOf(row)
  const isOurs = row.formatID === ourFormat
  return isOurs ? `${global}.${branch.slice(0, branch.indexOf('.'))}` : xidOf(row)
}

function xidOf(row: promises.RowDataPacket): string {
  const [global, branch] = partsOf(row)
  return `'${global}','${branch}',${row.formatID}`
}

function partsOf({ data, gtrid_length: length }: promises.RowDataPacket): [string, string] {
  const text = String(data)
  return [text.slice(0, length), text.slice(length)]
}

function openOver(flavour: Flavour, url: string, options: OpenOptions): Opened {
  const { connections = 4, answerTimeoutMs } = options
  const settings = { uri: url, connectionLimit: connections }
  const timeouts = answerTimeoutMs === undefined ? {} : { answerTimeoutMs }
  if (flavour === 'promises') {
    const pool = promises.createPool(settings)
    return {
      participant: mysql(pool, timeouts),
      pool: userPool(pool.pool, async () => {
        const held = await pool.getConnection()
        return { ask: askOf(flavour, held), release: () => held.release() }
      }),
      end: async () => void pool.end().catch(ignore),
    }
  }
  const pool = callbacks.createPool(settings)
  return {
    participant: mysql(pool, timeouts),
    pool: userPool(pool, async () => {
      const held = await new Promise<callbacks.PoolConnection>((resolve, reject) => {
        pool.getConnection((error, connection) => {
          if (error === null) resolve(connection)
          else reject(error)
        })
      })
      return { ask: askOf(flavour, held), release: () => held.release() }
    }),
    end: async () => pool.end(ignore),
  }
}

function userPool(
  pool: object,
  take: () => Promise<{ readonly ask: Ask; readonly release: () => void }>,
): UserPool {
  // The driver has no other count of them.
  const internals = pool as {
    readonly _allConnections: { readonly length: number }
    readonly _freeConnections: { readonly length: number }
  }
  return {
    total: () => internals._allConnections.length,
    idle: () => internals._freeConnections.length,
    hold: async (): Promise<HeldConnection> => {
      const { ask, release } = await take()
      return {
        write: (key) => ask('insert into item values (?)', [key]),
        begin: () => ask('begin'),
        changeSession: () => ask(changeOfSession),
        isUnchanged: async () => {
          const rows = await ask('select @@session.lock_wait_timeout as seconds')
          return rows[0]?.seconds !== 61
        },
        release,
      }
    },
  }
}

const changeOfSession = 'set session lock_wait_timeout = 61'

function workOf(ask: Ask): Work {
  return {
    write: (key) => ask('insert into item values (?)', [key]),
    read: async (key) => (await ask('select 1 from item where id = ?', [key])).length === 1,
    fail: () => ask(`insert into item values ('twice'), ('twice')`),
    changeSession: () => ask(changeOfSession),
  }
}

function askOf(flavour: Flavour, client: unknown): Ask {
  if (flavour === 'promises') {
    const connection = client as promises.PoolConnection
    return async (sql, values = []) =>
      (await connection.query<promises.RowDataPacket[]>(sql, [...values]))[0]
  }
  const connection = client as callbacks.PoolConnection
  return (sql, values = []) =>
    new Promise((resolve, reject) => {
      connection.query<callbacks.RowDataPacket[]>(sql, [...values], (error, rows) => {
        if (error === null || error === undefined) resolve(rows)
        else reject(error)
      })
    })
}

function ignore(): void {
  // A pool whose server is gone says so when it is ended.
}
