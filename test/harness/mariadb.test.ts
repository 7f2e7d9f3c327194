/** The harness itself: what the tests on MariaDB take for granted about their servers. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createConnection, type RowDataPacket } from 'mysql2/promise'

import { type CommandResult, repository, run } from '../../scripts/command.ts'
import { survivorsOf } from '../../src/cli/postgres-server/processes.ts'
import { mariadbSuite } from './mariadb.ts'
import { externalUrls, variables } from './mariadb-server/external.ts'
import { until } from './until.ts'

await mariadbSuite('MariaDB servers of the tests', (servers) => {
  test('give every suite and every database a place of its own', async () => {
    const server = await servers.shared()
    assert.equal(await servers.shared(), server)
    const [one, other] = [await servers.database(server), await servers.database(server)]
    await servers.pool(one).query('create table item (id int primary key)')
    await assert.rejects(servers.pool(other).query('select * from item'), { errno: 1146 })
  })

  test('can be reached through promises and through callbacks', async () => {
    const { url } = await servers.shared()
    const [rows] = await servers.pool(url).query<RowDataPacket[]>('select 1 as one')
    assert.deepEqual(rows, [{ one: 1 }])
    const told = await new Promise((resolve, reject) => {
      servers.callbackPool(url).query('select 1 as one', (error, found) => {
        error === null ? resolve(found) : reject(error)
      })
    })
    assert.deepEqual(told, [{ one: 1 }])
  })
})

await mariadbSuite('a MariaDB server of our own', (servers) => {
  const skip = servers.notOurs

  test('flushes every commit to the disk', { skip }, async () => {
    const pool = servers.pool((await servers.shared()).url)
    const [rows] = await pool.query<RowDataPacket[]>(
      'select @@innodb_flush_log_at_trx_commit as flushed, @@bind_address as address',
    )
    assert.deepEqual(rows, [{ flushed: 1, address: '127.0.0.1' }])
  })

  test('shares its temporary files with no other server', { skip }, async () => {
    const server = await servers.start()
    const [rows] = await servers
      .pool(server.url)
      .query<RowDataPacket[]>('select @@tmpdir as directory')
    assert.deepEqual(rows, [{ directory: join(server.directory, 'tmp') }])
  })

  test('keeps a prepared branch over a kill in the middle of work', { skip }, async () => {
    const server = await servers.start()
    const pool = servers.pool(server.url)
    await pool.query('create table item (id int primary key)')
    const connection = await pool.getConnection()
    for (const statement of [
      `xa start 'kept'`,
      'insert into item values (1)',
      `xa end 'kept'`,
      `xa prepare 'kept'`,
    ]) {
      await connection.query(statement)
    }
    const busy = pool.query('select sleep(60)').then(
      () => 'answered',
      () => 'cut off',
    )
    await until('the sleeping session', async () => {
      const [found] = await pool.query<RowDataPacket[]>(
        `select 1 from information_schema.processlist where info = 'select sleep(60)'`,
      )
      return found.length === 1
    })
    const { port, url } = server
    await server.restart()
    assert.equal(await busy, 'cut off')
    assert.equal(server.port, port)
    assert.equal(server.url, url)
    connection.destroy()
    const [prepared] = await pool.query<RowDataPacket[]>('xa recover')
    assert.deepEqual(
      prepared.map((row) => String(row.data)),
      ['kept'],
    )
    await pool.query(`xa commit 'kept'`)
    const [rows] = await pool.query('select * from item')
    assert.deepEqual(rows, [{ id: 1 }])
  })

  test('answers nobody while it is suspended', { skip }, async () => {
    const server = await servers.start()
    const pool = servers.pool(server.url)
    await pool.query('select 1')
    await server.suspend()
    const newcomer = createConnection({ uri: server.url, connectTimeout: 100 })
    const asked = pool.query('select 1')
    await assert.rejects(newcomer, { code: 'ETIMEDOUT' })
    await server.resume()
    await asked
  })

  test('stops in order and starts again, with other settings', { skip }, async () => {
    const server = await servers.start()
    await server.stop()
    assert.equal(server.pid, undefined)
    assert.match(await readFile(server.logFile, 'utf8'), /Shutdown complete/)
    await server.start({ lock_wait_timeout: 7 })
    const [rows] = await servers
      .pool(server.url)
      .query<RowDataPacket[]>('select @@lock_wait_timeout as seconds')
    assert.deepEqual(rows, [{ seconds: 7 }])
  })

  test('says so when it ends by itself', { skip }, async (context) => {
    const server = await servers.start()
    const said = context.mock.method(process.stderr, 'write', () => true)
    process.kill(server.pid!, 'SIGKILL')
    await until('it is said', () => said.mock.callCount() === 1)
    assert.match(
      String(said.mock.calls[0]?.arguments[0]),
      /ended by itself \(SIGKILL\):[\s\S]*ready for connections/,
    )
  })

  test('removes its process and its directory', { skip }, async () => {
    const server = await servers.start()
    const { pid, directory } = server
    assert.ok(pid !== undefined)
    await server.remove()
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    await assert.rejects(stat(directory), { code: 'ENOENT' })
  })

  const isTied = process.platform === 'linux' && skip === false
  test('ends with the process that started it, however that ends', { skip: !isTied }, async () => {
    const module = new URL('mariadb-server/server.ts', import.meta.url).href
    const script = `
      const { startMariadbServer } = await import(${JSON.stringify(module)})
      const { pid, directory } = await startMariadbServer()
      console.log(JSON.stringify({ pid, directory }))
      await new Promise(() => process.stdin.resume())`
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const [line] = (await once(owner.stdout, 'data')) as [Buffer]
    const { pid, directory } = JSON.parse(String(line)) as { pid: number; directory: string }
    assert.ok(process.kill(pid, 0))
    owner.kill('SIGKILL')
    await until('the server is gone', async () => (await survivorsOf([pid])).length === 0)
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  })

  test('says what the log says when it does not start', { skip }, async () => {
    await assert.rejects(
      servers.start({ settings: { no_such_setting: 'plenty' } }),
      /did not start:[\s\S]*no_such_setting/,
    )
  })
})

describe('without MariaDB', () => {
  const runSuite = (REQUIRE: string): Promise<CommandResult> => {
    const pattern = '--test-name-pattern=a MariaDB server of our own'
    return run(
      {
        tool: 'node',
        arguments: ['scripts/test.ts', pattern, 'test/harness/mariadb.test.ts'],
        environment: {
          ASSENT_TEST_MARIADB_HOME: import.meta.dirname,
          ASSENT_TEST_MARIADB_URLS: '',
          ASSENT_TEST_MYSQL_URLS: '',
          REQUIRE,
        },
      },
      repository,
    )
  }

  test('a suite is skipped, and says so', async () => {
    const { exitCode, output } = await runSuite('')
    assert.equal(exitCode, 0, output)
    assert.match(
      output,
      /SKIPPED, so not proved[\s\S]*of our own \(there is no MariaDB server here/,
    )
  })

  test('a suite fails where REQUIRE names it', async () => {
    const { exitCode, output } = await runSuite('postgres,mariadb')
    assert.notEqual(exitCode, 0)
    assert.match(output, /REQUIRE=mariadb, and there is no MariaDB server here/)
  })
})

describe('servers named by the environment', () => {
  test('are the URLs between commas', () => {
    const environment = { ASSENT_TEST_MARIADB_URLS: 'mysql://a:b@one:3306/, mariadb://c@two/' }
    assert.deepEqual(externalUrls('mariadb', environment), [
      'mysql://a:b@one:3306/',
      'mysql://c@two/',
    ])
    assert.deepEqual(externalUrls('mysql', environment), [])
  })

  test('are refused when they are no URLs of such a server', () => {
    for (const given of ['postgres://a@b/', 'localhost', 'mysql://a@b/,nonsense']) {
      assert.throws(() => externalUrls('mysql', { ASSENT_TEST_MYSQL_URLS: given }), {
        message: /^ASSENT_TEST_MYSQL_URLS must be like mysql:/,
      })
    }
  })

  const [first] = externalUrls('mysql')
  const skip =
    first === undefined &&
    `no mysql server: name some in ${variables.mysql}, and every suite runs on them too`
  test('may be MySQL', { skip }, async () => {
    const connection = await createConnection(first ?? '')
    const [rows] = await connection.query<RowDataPacket[]>('select version() as version')
    connection.destroy()
    assert.doesNotMatch(String(rows[0]?.version), /mariadb/i)
  })
})
