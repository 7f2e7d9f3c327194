/** The backlog at two PostgreSQL databases: until the last lock is released. */
import { join } from 'node:path'
import pg from 'pg'
import type { BranchId } from '../../src/core/ids.ts'
import { openCoordinator } from '../../src/index.ts'
import { postgres } from '../../src/postgres.ts'
import { rounded } from '../figures.ts'
import type { Figures, Report } from '../report.ts'
import { type Backlog, isLeft, type Known, leaveBacklog } from './backlog.ts'
import { stopwatch, until } from './waiting.ts'

const connections = 8

export interface DatabasesInDoubt {
  readonly urls: readonly [string, string]
  readonly directory: string
  /** Branches on each. */
  readonly prepared: number
  readonly orphanIntervalMs: number
}

export async function recoverDatabases(
  { urls, directory, prepared, orphanIntervalMs }: DatabasesInDoubt,
  report: Report,
): Promise<Figures> {
  const [left, right] = urls.map(openPool) as [pg.Pool, pg.Pool]
  try {
    report.progress(`preparing ${prepared} branches on each of two databases`)
    const log = join(directory, 'database-log')
    const known = [await knownAs('left', left), await knownAs('right', right)] as const
    const backlog = await leaveBacklog(log, prepared, known)
    await Promise.all([prepare(left, backlog, true), prepare(right, backlog, false)])
    const elapsed = stopwatch()
    const resources = { left: postgres(left), right: postgres(right) }
    const coordinator = await openCoordinator({
      name: 'bench',
      log,
      controlSocket: false,
      orphanIntervalMs,
      resources,
    })
    try {
      report.progress('releasing locks')
      await until(async () => (await countHeld(left, right)) <= backlog.undecided.size)
      const deliveredSeconds = rounded(elapsed())
      await until(async () => (await countHeld(left, right)) === 0)
      const allSeconds = rounded(elapsed())
      report.line(`${prepared} branches prepared on each of two PostgreSQL databases:`)
      report.line(`  every decision was delivered after ${deliveredSeconds} s`)
      report.line(`  the last lock was released after ${allSeconds} s`)
      return { prepared, deliveredSeconds, allSeconds }
    } finally {
      await coordinator.close()
    }
  } finally {
    await Promise.all([left.end(), right.end()])
  }
}

function openPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: connections })
  pool.on('error', () => undefined) // whoever uses the connection tells of it
  return pool
}

/** As the participant for PostgreSQL names a database. */
async function knownAs(name: string, pool: pg.Pool): Promise<Known> {
  const { rows } = await pool.query(
    `select system_identifier::text as system,
       (select oid::text from pg_database where datname = current_database()) as oid
       from pg_control_system()`,
  )
  const fingerprint = `postgresql/${rows[0].system}/${rows[0].oid}`
  return { name, kind: 'postgres', fingerprint }
}

/** Each branch holds the lock of a row. */
async function prepare(
  pool: pg.Pool,
  { decided, undecided }: Backlog,
  left: boolean,
): Promise<void> {
  await pool.query('create table if not exists held (id text primary key)')
  const ids = [...decided, ...undecided].filter((id) => isLeft(id) === left)
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = await pool.connect()
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) await prepareOne(client, id)
      client.release()
    }),
  )
}

async function prepareOne(client: pg.PoolClient, id: BranchId): Promise<void> {
  await client.query('begin')
  await client.query('insert into held values ($1)', [id])
  await client.query(`prepare transaction '${id}'`)
}

async function countHeld(...pools: readonly pg.Pool[]): Promise<number> {
  const counts = await Promise.all(
    pools.map(async (pool) => {
      const { rows } = await pool.query(
        `select count(*)::int as held from pg_prepared_xacts
          where database = current_database()`,
      )
      return rows[0].held as number
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}
