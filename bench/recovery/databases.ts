/** The backlog at two PostgreSQL databases: until the last lock is released. */
import pg from 'pg'
import type { BranchId } from '../../src/core/ids.ts'
import { openCoordinator } from '../../src/index.ts'
import { postgres } from '../../src/postgres.ts'
import { type Backlog, isLeft, type Known, leaveBacklog } from './backlog.ts'
import type { Restart } from './restarts.ts'
import { stopwatch, until } from './waiting.ts'

const connections = 8

export interface DatabasesInDoubt {
  readonly urls: readonly [string, string]
  /** Of its log. */
  readonly directory: string
  /** Branches on each. */
  readonly prepared: number
  readonly orphanIntervalMs: number
}

export async function recoverDatabases({
  urls,
  directory,
  prepared,
  orphanIntervalMs,
}: DatabasesInDoubt): Promise<Restart> {
  const [left, right] = urls.map(openPool) as [pg.Pool, pg.Pool]
  try {
    const known = [await knownAs('left', left), await knownAs('right', right)] as const
    const backlog = await leaveBacklog(directory, prepared, known)
    await Promise.all([prepare(left, backlog, true), prepare(right, backlog, false)])
    const watch = stopwatch()
    const coordinator = await openCoordinator({
      name: 'bench',
      log: directory,
      controlSocket: false,
      orphanIntervalMs,
      resources: { left: postgres(left), right: postgres(right) },
    })
    try {
      await until(async () => (await countHeld(left, right)) <= backlog.undecided.size)
      const deliveredSeconds = watch.seconds()
      await until(async () => (await countHeld(left, right)) === 0)
      return { deliveredSeconds, allSeconds: watch.seconds(), cpuSeconds: watch.cpuSeconds() }
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
