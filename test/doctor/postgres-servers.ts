/** Ways to make a PostgreSQL server ill, or to make it seem so, and to see what the doctor says. */
import pg from 'pg'
import type { Finding } from '../../src/core/findings.ts'
import type { LogSurvey } from '../../src/doctor/survey.ts'
import { type PostgresOptions, postgres } from '../../src/postgres.ts'
import type { PostgresServers } from '../harness/postgres.ts'
import { examineAll, type Setting } from './examination.ts'

/** A server that a line of the table may restart as it likes. */
export const variant = 'variant'

export async function examineUrl(
  servers: PostgresServers,
  url: string,
  options: PostgresOptions = {},
  setting: Setting = {},
): Promise<readonly Finding[]> {
  const { findings } = await examineAll({ orders: postgres(servers.pool(url), options) }, setting)
  return findings
}

/** The findings of the variant server with these settings. */
export async function withSettings(
  servers: PostgresServers,
  settings: Readonly<Record<string, string | number>>,
  options: PostgresOptions = {},
): Promise<readonly Finding[]> {
  const server = await servers.shared(variant)
  await server.restart(settings)
  return await examineUrl(servers, server.url, options)
}

/** A new database in which these branches are prepared; they are rolled back afterwards. */
export async function withPrepared(
  servers: PostgresServers,
  gids: readonly string[],
  setting: Setting,
): Promise<readonly Finding[]> {
  const url = await servers.database(await servers.shared())
  const pool = servers.pool(url)
  await pool.query('create table item (id int)')
  for (const gid of gids) {
    const client = await pool.connect()
    await client.query('begin')
    await client.query('insert into item values (1)')
    await client.query(`prepare transaction '${gid}'`)
    client.release()
  }
  try {
    return await examineUrl(servers, url, {}, setting)
  } finally {
    for (const gid of gids) await pool.query(`rollback prepared '${gid}'`)
  }
}

/** A client whose answers of one column are rewritten on their way: no such server can be had. */
function pretending(url: string, column: string, value: string): pg.Pool {
  class PretendingClient extends pg.Client {
    override query(...given: unknown[]): never {
      const answer: unknown = Reflect.apply(super.query, this, given)
      if (!(answer instanceof Promise)) return answer as never
      return answer.then((result: pg.QueryResult) => {
        for (const row of result.rows ?? []) if (column in row) row[column] = value
        return result
      }) as never
    }
  }
  const pool = new pg.Pool({ connectionString: url, max: 4, Client: PretendingClient } as never)
  pool.on('error', () => undefined)
  return pool
}

export async function pretended(
  servers: PostgresServers,
  column: string,
  value: string,
): Promise<readonly Finding[]> {
  const pool = pretending((await servers.shared()).url, column, value)
  const { findings } = await examineAll({ orders: postgres(pool) })
  await pool.end()
  return findings
}

/** A log directory with slots that live processes hold, and what it knows of resources. */
export function surveyOf(
  held: number,
  resources: LogSurvey['slots'][number]['resources'] = [],
): LogSurvey {
  return {
    directory: 'transactions',
    installation: 'shop',
    problem: undefined,
    damage: undefined,
    fileSystem: { platform: 'linux', type: 0xef53, freeBytes: 2 ** 40, freeFiles: undefined },
    segmentBytes: 4 * 1024 * 1024,
    slots: Array.from({ length: Math.max(1, held) }, (_, slot) => ({
      slot,
      location: `transactions/slot-${slot}`,
      identity: undefined,
      isHeld: slot < held,
      pid: undefined,
      silence: undefined,
      problem: undefined,
      closed: slot < held ? undefined : 'clean',
      unfinished: 0,
      awaited: [],
      resources,
      sizeBytes: 0,
    })),
  }
}
