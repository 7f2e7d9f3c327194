/** PostgreSQL, over a node-postgres pool. */
import pg from 'pg'

import type { Decision } from '../../../../src/core/decision.ts'
import { postgres } from '../../../../src/postgres.ts'
import type { PostgresServer, PostgresServers } from '../../../harness/postgres.ts'
import { until } from '../../../harness/until.ts'
import {
  type Capability,
  databaseCapabilities,
  type HeldConnection,
  type Opened,
  type OpenOptions,
  type Subject,
  type UserPool,
  type Work,
} from '../subject.ts'

export const postgresCapabilities: ReadonlySet<Capability> = new Set([
  ...databaseCapabilities,
  'read-only-votes',
  'proof-of-fate',
  'decisions',
])

/** Our own look at the database; its sessions are told from the others by this name. */
const observer = 'conformance'

export async function postgresSubject(servers: PostgresServers): Promise<Subject> {
  const server = await servers.start()
  const url = await servers.database(server)
  const elsewhere = await servers.database(server)
  const outside = servers.pool(url, { application_name: observer, max: 2 })
  await outside.query('create table item (key text primary key)')
  return new PostgresSubject(server, url, elsewhere, outside)
}

class PostgresSubject implements Subject {
  readonly name = 'PostgreSQL'
  readonly can = postgresCapabilities
  readonly server: PostgresServer
  readonly sessions = { count: () => this.#countSessions(), cutOff: () => this.#cutOff() }
  readonly #url: string
  readonly #elsewhere: string
  readonly #outside: pg.Pool

  constructor(server: PostgresServer, url: string, elsewhere: string, outside: pg.Pool) {
    this.server = server
    this.#url = url
    this.#elsewhere = elsewhere
    this.#outside = outside
  }

  open(options: OpenOptions): Opened {
    return openOver(this.#url, options)
  }

  openElsewhere(): Opened {
    return openOver(this.#elsewhere, {})
  }

  work(client: unknown): Work {
    return workOf(client as pg.PoolClient)
  }

  async isVisible(key: string): Promise<boolean> {
    return (await this.#ask('select from item where key = $1', [key])).length === 1
  }

  async preparedIds(): Promise<readonly string[]> {
    const rows = await this.#ask(
      'select gid from pg_prepared_xacts where database = current_database()',
    )
    return rows.map((row) => String(row.gid))
  }

  async isPrepared(id: string): Promise<boolean> {
    return (await this.preparedIds()).includes(id)
  }

  async prepareStranger(id: string): Promise<string> {
    const client = await this.#outside.connect()
    await client.query(`begin; insert into item values ('${id}'); prepare transaction '${id}'`)
    client.release()
    return id
  }

  async finishOutside(id: string, decision: Decision): Promise<void> {
    await this.#ask(`${decision === 'committed' ? 'commit' : 'rollback'} prepared '${id}'`)
  }

  async cleanUp(): Promise<void> {
    if (this.server.pid === undefined) await this.server.start()
    await this.#cutOff()
    for (const id of await this.preparedIds()) await this.finishOutside(id, 'aborted')
  }

  async #countSessions(): Promise<number> {
    const [row] = await this.#ask(`select count(*)::int as count ${others}`)
    return Number(row?.count)
  }

  async #cutOff(): Promise<void> {
    await this.#ask(`select pg_terminate_backend(pid) ${others}`)
    await until('the sessions are gone', async () => (await this.#countSessions()) === 0)
  }

  /** Asks again while the connections of before a crash are being thrown away. */
  async #ask(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Record<string, unknown>[]> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return (await this.#outside.query(text, [...values])).rows
      } catch (error) {
        const isOfTheServer = error instanceof pg.DatabaseError && error.code !== '57P01'
        if (isOfTheServer || attempt === 3) throw error
      }
    }
  }
}

const others = `from pg_stat_activity where backend_type = 'client backend'
  and datname = current_database() and application_name <> '${observer}'`

function openOver(url: string, { connections = 4, answerTimeoutMs }: OpenOptions): Opened {
  const pool = new pg.Pool({ connectionString: url, max: connections })
  pool.on('error', () => undefined)
  const options = answerTimeoutMs === undefined ? {} : { answerTimeoutMs }
  return {
    participant: postgres(pool, options),
    pool: userPool(pool),
    // A connection that a failed behaviour has kept would be waited for.
    end: async () => void pool.end(),
  }
}

function userPool(pool: pg.Pool): UserPool {
  return {
    total: () => pool.totalCount,
    idle: () => pool.idleCount,
    hold: async (): Promise<HeldConnection> => {
      const client = await pool.connect()
      client.on('error', ignore)
      return {
        write: (key) => client.query('insert into item values ($1)', [key]),
        begin: () => client.query('begin'),
        changeSession: () => client.query(`set lock_timeout = '61s'`),
        isUnchanged: async () => {
          const { rows } = await client.query('show lock_timeout')
          return rows[0].lock_timeout === '0'
        },
        release: () => {
          client.removeListener('error', ignore)
          client.release()
        },
      }
    },
  }
}

function workOf(client: pg.PoolClient): Work {
  return {
    write: (key) => client.query('insert into item values ($1)', [key]),
    read: async (key) =>
      (await client.query('select from item where key = $1', [key])).rowCount === 1,
    fail: () => client.query(`insert into item values ('twice'), ('twice')`),
    changeSession: () => client.query(`set lock_timeout = '61s'`),
  }
}

function ignore(): void {
  // It was cut off; whoever uses it next is told so.
}
