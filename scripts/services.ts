/**
 * Database servers to try things on by hand: `npm run services` starts them, says how to use them,
 * and removes them, with their data, at Ctrl-C.
 */

import { type PostgresServer, startPostgresServer } from '../src/cli/postgres-server/server.ts'
import { MariadbMissing } from '../test/harness/mariadb-server/program.ts'
import { type MariadbServer, startMariadbServer } from '../test/harness/mariadb-server/server.ts'

const usage = `usage: npm run services [-- options]

Starts two PostgreSQL servers and two MariaDB servers on free ports of 127.0.0.1, with
prepared transactions switched on, and says how to use them. Ctrl-C stops them and deletes
their data. Without MariaDB on this machine it starts PostgreSQL alone, and says so.

  --small   one server of each
  --help    shows this`

type Server = PostgresServer | MariadbServer

const names = ['north', 'south'] as const
const pollMs = 500

const stopAsked = new Promise<void>((resolve) => {
  // Ctrl-C comes twice, from the terminal and from npm; one removal is enough.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve())
})

await main(process.argv.slice(2))

async function main(given: readonly string[]): Promise<void> {
  const unknown = given.find((each) => each !== '--small' && each !== '--help')
  if (unknown !== undefined) {
    process.stderr.write(`'${unknown}' is no option\n\n${usage}\n`)
    process.exitCode = 2
  } else if (given.includes('--help')) {
    say(usage)
  } else {
    await serve(given.includes('--small') ? names.slice(0, 1) : names)
  }
}

async function serve(places: readonly string[]): Promise<void> {
  const started: Server[] = []
  try {
    const postgres = await startAll(places, startPostgresServer, started)
    const mariadb = await startAll(places, startMariadbServer, started).catch(unlessMissing)
    for (const [index, place] of places.entries()) describe('PostgreSQL', place, postgres[index])
    for (const [index, place] of places.entries()) describe('MariaDB', place, mariadb[index])
    say(`\n${advice(postgres, mariadb)}\n\nCtrl-C stops them and deletes their data.`)
    await Promise.race([stopAsked, allEnded(started)])
  } finally {
    await Promise.all(started.map((server) => server.remove()))
    say('\nStopped; their data are deleted.')
  }
}

/** Notes each server as soon as it runs, so that a failure of the next leaves none behind. */
async function startAll<Started extends Server>(
  places: readonly string[],
  start: () => Promise<Started>,
  started: Server[],
): Promise<Started[]> {
  const starting = places.map(async () => {
    const server = await start()
    started.push(server)
    return server
  })
  await Promise.allSettled(starting)
  return await Promise.all(starting)
}

function unlessMissing(error: unknown): MariadbServer[] {
  if (!(error instanceof MariadbMissing)) throw error
  process.stderr.write(`${error.message}\n\n`)
  return []
}

function describe(kind: string, place: string, server: Server | undefined): void {
  if (server === undefined) return
  say(`${kind} ${place}: ${server.url}`)
  say(`  its log: ${server.logFile}`)
}

function advice(postgres: readonly PostgresServer[], mariadb: readonly MariadbServer[]): string {
  const [berlin] = postgres
  const [paris] = mariadb
  const lines = [`psql '${berlin?.url}'`]
  if (paris !== undefined) {
    const { username, password, port } = new URL(paris.url)
    lines.push(`mariadb -h 127.0.0.1 -P ${port} -u ${username} -p${password} assent`)
  }
  if (postgres.length > 1) {
    const urls = postgres.map((server) => `--postgres '${server.url}'`)
    lines.push(`npx assent demo ${urls.join(' ')}`)
  }
  if (paris !== undefined) {
    lines.push(`npx assent demo --postgres '${berlin?.url}' --mysql '${paris.url}'`)
  }
  if (mariadb.length > 1) {
    const urls = mariadb.map((server) => server.url)
    lines.push(`ASSENT_TEST_MARIADB_URLS='${urls.join(',')}' npm test -- test/participants`)
  }
  return ['For example:', ...lines.map((line) => `  ${line}`)].join('\n')
}

/** Tells of a server that ended by itself, or by the hand of who tries that; resolves with the last. */
async function allEnded(servers: readonly Server[]): Promise<void> {
  const told = new Set<Server>()
  while (told.size < servers.length) {
    for (const server of servers) {
      if (server.pid !== undefined || told.has(server)) continue
      told.add(server)
      say(`\n${server.url} has ended; its log: ${server.logFile}`)
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
