/** The demo with its second account store in MariaDB (or MySQL, where the environment names one). */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import type { RowDataPacket } from 'mysql2/promise'

import { openMysql } from '../../../src/cli/demo/mysql-database.ts'
import { openPostgres } from '../../../src/cli/demo/postgres-database.ts'
import { accountUrl, databaseUrl, mariadbSuite } from '../../harness/mariadb.ts'
import { PostgresServers } from '../../harness/postgres.ts'
import { assent, jsonOf } from '../run-assent.ts'
import { startDemo } from './running-demo.ts'
import { assertPlantsSeen } from './violations.ts'

const brief = ['demo', '--seconds', '3', '--kill-every', '1', '--seed', '5']

await mariadbSuite('assent demo --mysql', (servers) => {
  const postgres = new PostgresServers()
  after(() => postgres.close())

  async function tablesIn(url: string): Promise<string[]> {
    const [rows] = await servers.pool(url).query<RowDataPacket[]>('show tables')
    return rows.flatMap((row) => Object.values(row).map(String))
  }

  test('holds beside a server of its own, and takes its tables with it', async () => {
    const url = await servers.database(await servers.shared())
    const answer = await assent(...brief, '--json', '--mysql', url.replace('mysql:', 'mariadb:'))
    assert.equal(answer.exitCode, 0, answer.err)
    const { databases, held, committed, coordinatorKills } = jsonOf(answer)
    assert.equal(held, true)
    assert.ok(committed > 0 && coordinatorKills > 0, answer.err)
    assert.match(databases[0], /^postgres:\/\/postgres:/)
    assert.match(databases[1], /^mariadb:\/\/assent:\*\*\*@127\.0\.0\.1:\d+\/test_/)
    assert.doesNotMatch(answer.err, /killed the database right/, 'it is not the demo’s to kill')
    assert.deepEqual(await tablesIn(url), [])
  })

  test('takes the two databases of a configuration, their secrets from the environment', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'assent-demo-config-'))
    const file = join(directory, 'assent.config.json')
    const left = await postgres.database(await postgres.shared())
    const right = await servers.database(await servers.shared())
    const configure = (...names: readonly string[]): Promise<void> => {
      const all = {
        orders: { kind: 'postgres', url: left },
        stock: { kind: 'mysql', url: { env: 'DEMO_STOCK_URL' } },
        more: { kind: 'mysql', url: right },
      }
      const chosen = Object.entries(all).filter(([name]) => names.includes(name))
      const resources = Object.fromEntries(chosen)
      return writeFile(file, JSON.stringify({ name: 'shop', log: './log', resources }))
    }
    try {
      await configure('orders', 'stock')
      const missing = await assent(...brief, '--config', file)
      assert.equal(missing.exitCode, 2)
      assert.match(missing.err, /environment variable DEMO_STOCK_URL, which is not set/)
      await configure('orders', 'stock', 'more')
      const three = await assent(...brief, '--config', file)
      assert.match(three.err, /a configuration of two resources; .*assent\.config\.json has 3/)
      await configure('orders', 'more')
      const answer = await assent(...brief, '--json', '--config', file)
      assert.equal(answer.exitCode, 0, answer.err)
      assert.equal(jsonOf(answer).held, true)
      assert.deepEqual(await tablesIn(right), [])
      assert.deepEqual(await readdir(directory), ['assent.config.json'], 'its log is its own')
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('keeps what it is told to, and its checks see every violation planted there', async () => {
    const left = await postgres.database(await postgres.shared())
    const right = await servers.database(await servers.shared())
    const given = ['--keep', '--json', '--postgres', left, '--mysql', right]
    const answer = await assent(...brief, ...given)
    assert.equal(answer.exitCode, 0, answer.err)
    const bank = /^kept: right, .*, tables (assent_demo_\w+)_\*$/m.exec(answer.err)?.[1] ?? ''
    const { log } = jsonOf(answer)
    await assertPlantsSeen({
      databases: [await openPostgres('left', left, undefined), await openMysql('right', right)],
      sessions: {
        left: postgres.pool(left, { max: 1 }),
        right: servers.pool(right, { connectionLimit: 1 }),
      },
      bank,
      decisions: { place: 'log', directory: log },
    })
    await rm(dirname(log), { recursive: true })
  })

  test('names what it leaves there when it is ended at once', async () => {
    const url = await servers.database(await servers.shared())
    const demo = startDemo({}, ['--mysql', url])
    await demo.says(/killed the worker/)
    demo.interrupt()
    await demo.says(/Ctrl-C again ends at once/)
    demo.interrupt()
    const { exitCode, err } = await demo.ended
    assert.equal(exitCode, 130)
    const [, named = ''] = /^left: right, mysql:.*, tables (assent_demo_\w+)_\*$/m.exec(err) ?? []
    assert.deepEqual(
      await tablesIn(url),
      ['account', 'attempt', 'journal'].map((table) => `${named}_${table}`),
    )
  })

  test('refuses a database that can not take part, and changes nothing', async () => {
    const server = await servers.shared()
    const able = await servers.database(server)
    const refusals = [
      { url: accountUrl(able, 'nobody', 'x'), says: /can not be reached: Access denied/ },
      { url: databaseUrl(able, 'not_there'), says: /can not be reached: Unknown database/ },
      { url: 'mysql://127.0.0.1:1/x', says: /mysql:\/\/127\.0\.0\.1:1\/x can not be reached: / },
    ]
    for (const { url, says } of refusals) await assertRefused(url, says)
    assert.deepEqual(await tablesIn(able), [])
  })

  test('refuses a server that does not keep what it says', { skip: servers.notOurs }, async () => {
    const unsafe = await servers.start({ settings: { innodb_flush_log_at_trx_commit: 0 } })
    await assertRefused(unsafe.url, /innodb_flush_log_at_trx_commit/)
    assert.deepEqual(await tablesIn(unsafe.url), [])
  })

  test('says what to install where the driver is not there', async () => {
    const hideDriver = `
      import { registerHooks } from 'node:module'
      registerHooks({
        resolve(specifier, context, next) {
          if (!specifier.startsWith('mysql2')) return next(specifier, context)
          throw Object.assign(new Error('hidden by a test'), { code: 'ERR_MODULE_NOT_FOUND' })
        },
      })`
    const hidden = `--import=data:text/javascript,${encodeURIComponent(hideDriver)}`
    const demo = startDemo({ NODE_OPTIONS: hidden }, ['--mysql', 'mysql://127.0.0.1:1/x'])
    const { exitCode, err } = await demo.ended
    assert.equal(exitCode, 1)
    assert.match(err, /^assent demo: --mysql needs the driver mysql2: npm install mysql2$/m)
  })
})

async function assertRefused(url: string, says: RegExp): Promise<void> {
  const answer = await assent(...brief, '--mysql', url)
  assert.equal(answer.exitCode, 1)
  assert.match(answer.err, says)
  assert.equal(answer.err.trimEnd().split('\n').length, 1)
}
