/**
 * Runs the quick start of the README, as it stands there, in a project that installed the tarball
 * and `pg`: twice, against two real PostgreSQL servers, and looks at the accounts afterwards.
 */

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import pg from 'pg'

import { type PostgresServer, startPostgresServer } from '../src/cli/postgres-server/server.ts'
import { repository, runOrThrow } from './command.ts'

const runs = 2
const centsAtFirst = 1000
const centsMoved = 100

export async function runQuickStart(project: string): Promise<void> {
  await writeFile(join(project, 'quick-start.js'), await quickStart())
  const servers = await Promise.all([startPostgresServer(), startPostgresServer()])
  try {
    const [berlin, paris] = servers as [PostgresServer, PostgresServer]
    const environment = { BERLIN_URL: berlin.url, PARIS_URL: paris.url }
    for (let run = 0; run < runs; run += 1) {
      const command = { tool: process.execPath, arguments: ['quick-start.js'], environment }
      await runOrThrow(command, project)
    }
    await expectCents(berlin, centsAtFirst - runs * centsMoved)
    await expectCents(paris, centsAtFirst + runs * centsMoved)
  } finally {
    await Promise.all(servers.map((server) => server.remove()))
  }
}

async function quickStart(): Promise<string> {
  const readme = await readFile(join(repository, 'README.md'), 'utf8')
  const code = /^```js quick-start\n([\s\S]*?)^```$/m.exec(readme)?.[1]
  if (code === undefined) throw new Error('README.md has no block ```js quick-start')
  return code
}

async function expectCents(server: PostgresServer, expected: number): Promise<void> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  const found = await client.query(`select cents from account where owner = 'ada'`)
  const prepared = await client.query('select gid from pg_prepared_xacts')
  await client.end()
  const cents: unknown = found.rows[0]?.cents
  if (cents !== expected) throw new Error(`an account holds ${String(cents)}, not ${expected}`)
  if (prepared.rows.length > 0) throw new Error(`left prepared: ${JSON.stringify(prepared.rows)}`)
}
