/** Two PostgreSQL servers of the benchmark's own, on this machine. */
import { startPostgresServer } from '../../src/cli/postgres-server/server.ts'
import type { Report } from '../report.ts'

/** Connections for recovery, checks and audits, besides those of the pools. */
const moreConnections = 30

/** Runs `work` over two new servers, forced writes on, and removes them. */
export async function withServers<Value>(
  connections: number,
  report: Report,
  work: (urls: readonly [string, string]) => Promise<Value>,
): Promise<Value> {
  report.progress('starting two PostgreSQL servers')
  const options = {
    maxPreparedTransactions: connections + moreConnections,
    settings: {
      max_connections: connections + moreConnections,
      fsync: 'on',
      synchronous_commit: 'on',
      shared_buffers: '128MB',
    },
  }
  const started = await Promise.allSettled([
    startPostgresServer(options),
    startPostgresServer(options),
  ])
  const servers = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  try {
    for (const each of started) if (each.status === 'rejected') throw each.reason
    const [left, right] = servers.map(({ url }) => url)
    return await work([left ?? '', right ?? ''])
  } finally {
    await Promise.all(servers.map((server) => server.remove()))
  }
}
