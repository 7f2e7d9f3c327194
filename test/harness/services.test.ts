/** `npm run services`: what it starts answers, and nothing of it stays. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { after, test } from 'node:test'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'

import { repository, run } from '../../scripts/command.ts'
import { mariadbSuite } from './mariadb.ts'
import { postgresSuite } from './postgres.ts'
import { until } from './until.ts'

/** `npm run services` as it runs, and what it has said so far. */
class Services {
  readonly child: ChildProcess
  said = ''

  constructor(environment: NodeJS.ProcessEnv, ...options: readonly string[]) {
    this.child = spawn(process.execPath, ['scripts/services.ts', ...options], {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C reaches the whole group; the servers must not hear it before we stop them.
      detached: true,
      env: { ...process.env, ...environment },
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        this.said += chunk
      })
    }
  }

  async ready(): Promise<void> {
    await until(`the servers are up: ${this.said}`, () => {
      assert.equal(this.child.exitCode, null, this.said)
      return this.said.includes('Ctrl-C stops them')
    })
  }

  /** What follows `label` on its line, of every line that has it. */
  told(label: string): string[] {
    return [...this.said.matchAll(new RegExp(`^ *${label}: (\\S+)$`, 'gm'))].map(
      (found) => found[1] ?? '',
    )
  }

  /** Ctrl-C, as a terminal and npm send it: to the group, and once more. */
  async interrupt(): Promise<number | null> {
    const { pid } = this.child
    assert.ok(pid !== undefined)
    const ended = once(this.child, 'exit') as Promise<[number | null]>
    process.kill(-pid, 'SIGINT')
    process.kill(pid, 'SIGINT')
    return (await ended)[0]
  }
}

await mariadbSuite('npm run services', (servers) => {
  const skip = servers.notOurs

  test('serves PostgreSQL and MariaDB until Ctrl-C, and leaves nothing', { skip }, async () => {
    const services = new Services({}, '--small')
    after(() => services.child.kill('SIGTERM'))
    await services.ready()
    const [postgresUrl = ''] = services.told('PostgreSQL north')
    const [mariadbUrl = ''] = services.told('MariaDB north')
    await preparesOnPostgres(postgresUrl)
    await preparesOnMariadb(mariadbUrl)
    const directories = services.told('its log').map(dirname)
    assert.equal(directories.length, 2)

    assert.equal(await services.interrupt(), 0, services.said)
    for (const directory of directories) await assert.rejects(stat(directory), { code: 'ENOENT' })
    await assert.rejects(preparesOnPostgres(postgresUrl), { code: 'ECONNREFUSED' })
    await assert.rejects(preparesOnMariadb(mariadbUrl), { code: 'ECONNREFUSED' })
  })

  test('says so when a server is gone, and keeps the others up', { skip }, async () => {
    const services = new Services({}, '--small')
    after(() => services.child.kill('SIGTERM'))
    await services.ready()
    const directories = services.told('its log').map(dirname)
    assert.equal(directories.length, 2)
    const connection = await createConnection(services.told('MariaDB north')[0] ?? '')
    connection.on('error', () => undefined)
    await connection.query('shutdown')
    await until('it says that MariaDB has ended', () =>
      /mysql:.* has ended; its log/.test(services.said),
    )
    const left = new pg.Client(services.told('PostgreSQL north')[0])
    await left.connect()
    await left.end()
    assert.equal(await services.interrupt(), 0, services.said)
    for (const directory of directories) await assert.rejects(stat(directory), { code: 'ENOENT' })
  })
})

await postgresSuite('npm run services without MariaDB', () => {
  test('serves PostgreSQL alone, and says what is missing', async () => {
    const services = new Services({ ASSENT_TEST_MARIADB_HOME: import.meta.dirname }, '--small')
    after(() => services.child.kill('SIGTERM'))
    await services.ready()
    assert.match(services.said, /no MariaDB server .*apt-get install mariadb-server-core/)
    assert.equal(services.told('PostgreSQL north').length, 1)
    assert.equal(services.told('MariaDB north').length, 0)
    assert.equal(await services.interrupt(), 0, services.said)
  })
})

test('npm run services refuses what is no option of it, and shows the usage', async () => {
  const bad = await run({ tool: 'node', arguments: ['scripts/services.ts', '--big'] }, repository)
  assert.equal(bad.exitCode, 2)
  assert.match(bad.output, /^'--big' is no option\n\nusage: npm run services/)
  const help = await run({ tool: 'node', arguments: ['scripts/services.ts', '--help'] }, repository)
  assert.equal(help.exitCode, 0)
  assert.match(help.output, /^usage: npm run services/)
})

async function preparesOnPostgres(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('begin')
  await client.query('create table item (id int)')
  await client.query(`prepare transaction 'tried'`)
  await client.query(`commit prepared 'tried'`)
  await client.end()
}

async function preparesOnMariadb(url: string): Promise<void> {
  const connection = await createConnection(url)
  await connection.query('create table item (id int)')
  for (const statement of ['start', 'end', 'prepare', 'commit']) {
    await connection.query(`xa ${statement} 'tried'`)
  }
  await connection.end()
}
