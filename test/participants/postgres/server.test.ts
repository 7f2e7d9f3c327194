/** The harness itself: what the crash tests take for granted about their servers. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, stat } from 'node:fs/promises'
import { test } from 'node:test'
import { survivorsOf } from '../../../src/cli/postgres-server/processes.ts'
import { postgresSuite } from '../../harness/postgres.ts'
import { until } from '../../harness/postgres-conditions.ts'

await postgresSuite('a PostgreSQL server of our own', (servers) => {
  test('keeps fsync on and can prepare', async () => {
    const pool = servers.pool((await servers.shared()).url)
    const { rows } = await pool.query(
      `select current_setting('fsync') as fsync,
              current_setting('max_prepared_transactions') as slots`,
    )
    assert.deepEqual(rows, [{ fsync: 'on', slots: '64' }])
  })

  test('keeps prepared transactions over a kill in the middle of work', async () => {
    const server = await servers.start()
    const pool = servers.pool(server.url)
    await pool.query('create table item (id int primary key)')
    const client = await pool.connect()
    client.on('error', () => undefined)
    await client.query('begin')
    await client.query('insert into item values (1)')
    await client.query(`prepare transaction 'kept'`)
    const busy = pool.query('select pg_sleep(60)').then(
      () => 'answered',
      () => 'cut off',
    )
    await until('the sleeping backend', async () => {
      const found = await pool.query(
        `select 1 from pg_stat_activity where query = 'select pg_sleep(60)'`,
      )
      return found.rowCount === 1
    })
    const { port, url } = server
    await server.restart()
    assert.equal(await busy, 'cut off')
    assert.equal(server.port, port)
    assert.equal(server.url, url)
    client.release(true)
    await pool.query(`commit prepared 'kept'`)
    assert.equal((await pool.query('select * from item')).rowCount, 1)
  })

  test('gives every server an identity of its own', async () => {
    const identifiers = await Promise.all(
      ['one', 'two'].map(async (name) => {
        const pool = servers.pool((await servers.shared(name)).url)
        return (await pool.query('select system_identifier from pg_control_system()')).rows[0]
      }),
    )
    assert.notDeepEqual(identifiers[0], identifiers[1])
  })

  test('stops in order and starts again', async () => {
    const server = await servers.start()
    await server.stop()
    assert.equal(server.pid, undefined)
    assert.match(await readFile(server.logFile, 'utf8'), /database system is shut down/)
    await server.start()
    const pool = servers.pool(server.url)
    assert.equal((await pool.query('select 1')).rowCount, 1)
  })

  test('removes its processes and its directory', async () => {
    const server = await servers.start()
    const { pid, directory } = server
    assert.ok(pid !== undefined)
    await server.remove()
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    await assert.rejects(stat(directory), { code: 'ENOENT' })
  })

  const isTied = process.platform === 'linux'
  test('ends with the process that started it, however that ends', { skip: !isTied }, async () => {
    const module = new URL('../../../src/cli/postgres-server/server.ts', import.meta.url).href
    const script = `
      const { startPostgresServer } = await import(${JSON.stringify(module)})
      const { pid, directory } = await startPostgresServer()
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

  test('says what the log says when it does not start', async () => {
    await assert.rejects(
      servers.start({ settings: { shared_buffers: 'plenty' } }),
      /did not start:[\s\S]*shared_buffers/,
    )
  })
})
