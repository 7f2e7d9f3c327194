/** Two servers of the benchmark's own, on this machine. */
import { join } from 'node:path'
import pg from 'pg'
import { type PostgresServer, startPostgresServer } from '../../src/cli/postgres-server/server.ts'
import { startMariadbServer } from '../../test/harness/mariadb-server/server.ts'
import type { Report } from '../report.ts'
import { withDirectory } from '../temporary-directory.ts'
import type { Pair } from './pairs.ts'

/** Connections for recovery, checks and audits, besides those of the pools. */
const moreConnections = 30

/** Of 16 MB each: for some 200,000 transfers. */
const logFiles = 16

interface Server {
  readonly url: string
  remove(): Promise<void>
}

const starters = {
  postgres: async (directory: string, connections: number): Promise<Server> => {
    const server = await startPostgresServer({
      directory,
      maxPreparedTransactions: connections + moreConnections,
      settings: {
        max_connections: connections + moreConnections,
        fsync: 'on',
        synchronous_commit: 'on',
        shared_buffers: '128MB',
        min_wal_size: '1GB', // keeps the files below
      },
    })
    await makeLogFiles(server)
    return server
  },
  mariadb: (directory: string, connections: number): Promise<Server> =>
    startMariadbServer({
      directory,
      settings: {
        max_connections: connections + moreConnections,
        innodb_flush_log_at_trx_commit: 1,
        innodb_buffer_pool_size: '128M',
        innodb_log_file_size: '96M',
      },
    }),
} as const

/**
 * A server that has run for a while writes its log into files that it has. A new one makes each, and
 * everybody waits for 16 MB of zeros: up to 0.2 s, which would be charged to whoever is running.
 */
async function makeLogFiles(server: PostgresServer): Promise<void> {
  const client = new pg.Client({ connectionString: server.url })
  try {
    await client.connect()
    await client.query('create table filler (id int)')
    for (let count = 0; count < logFiles; count += 1) {
      await client.query('insert into filler values ($1)', [count])
      await client.query('select pg_switch_wal()')
    }
    await client.query('drop table filler')
    await client.query('checkpoint') // makes them files for what is to come
    await client.end()
  } catch (error) {
    await server.remove()
    throw error
  }
}

/** Runs `work` over two new servers, forced writes on, and removes them. */
export function withServers<Value>(
  pair: Pair,
  connections: number,
  report: Report,
  work: (urls: readonly [string, string]) => Promise<Value>,
): Promise<Value> {
  return withDirectory(undefined, async (directory) => {
    report.progress(`starting two servers: ${pair}`)
    const products = pair.split('+') as (keyof typeof starters)[]
    const started = await Promise.allSettled(
      products.map((product, number) =>
        starters[product](join(directory, `server-${number}`), connections),
      ),
    )
    const servers = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    try {
      for (const each of started) if (each.status === 'rejected') throw each.reason
      const [left, right] = servers.map(({ url }) => url)
      return await work([left ?? '', right ?? ''])
    } finally {
      await Promise.all(servers.map((server) => server.remove()))
    }
  })
}
