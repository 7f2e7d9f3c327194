/** A coordinator opened from a configuration. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { inspect, promisify } from 'node:util'
import type { PoolConnection } from 'mysql2/promise'
import type { Pool } from 'pg'
import type { Configuration, ResourceConfiguration } from '../../src/config/configuration.ts'
import { loadConfiguration } from '../../src/config/load.ts'
import { openConfigured } from '../../src/config/open.ts'
import { urlAt } from '../../src/config/secret.ts'
import type { DoctorOptions } from '../../src/doctor/options.ts'
import { administer, mariadbSuite } from '../harness/mariadb.ts'
import { postgresSuite } from '../harness/postgres.ts'
import { sample } from './samples.ts'

const run = promisify(execFile)
const folder = await mkdtemp(join(tmpdir(), 'assent-open-'))
after(() => rm(folder, { recursive: true }))
let made = 0

/** A directory with a configuration. */
async function configured(given: Partial<Configuration>): Promise<string> {
  made += 1
  const directory = join(folder, `case-${made}`)
  await mkdir(directory)
  const resources = { orders: { kind: 'postgres', url: { env: 'ORDERS_URL' } } }
  const configuration = { name: 'shop', log: './transactions', resources, ...given }
  await writeFile(join(directory, 'assent.config.json'), JSON.stringify(configuration))
  return directory
}

describe('opening a configuration', () => {
  test('refuses a variable that is not set, and makes nothing', async () => {
    const directory = await configured({})
    for (const environment of [{}, { ORDERS_URL: '' }]) {
      await assert.rejects(openConfigured({ directory, environment }), {
        code: 'ASSENT_INVALID_OPTION',
        message:
          `${join(directory, 'assent.config.json')}: resources.orders.url is in the environment ` +
          'variable ORDERS_URL, which is not set',
        fields: { option: 'resources.orders.url' },
      })
    }
    assert.deepEqual(await readdir(directory), ['assent.config.json'])
  })

  const unfit: readonly (readonly [url: string, kind: ResourceConfiguration['kind']])[] = [
    ['geheim', 'postgres'],
    ['https://shop:geheim@db/orders', 'postgres'],
    ['mysql://shop:geheim@db/orders', 'postgres'],
    ['postgres://shop:geheim@db/orders', 'mysql'],
  ]
  for (const [url, kind] of unfit) {
    test(`refuses ${url} for ${kind}, and does not show it`, async () => {
      const directory = await configured({ resources: { db: { kind, url: { env: 'DB' } } } })
      const opening = openConfigured({ directory, environment: { DB: url } })
      await assert.rejects(opening, (error: Error) => {
        assert.match(
          error.message,
          /resources\.db\.url, the environment variable DB, must be a URL/,
        )
        assert.doesNotMatch(inspect(error, { depth: 5 }), /geheim/)
        return true
      })
    })
  }

  test('shows a secret to nobody who does not ask for it by name', async () => {
    const loaded = await loadConfiguration({ directory: await configured({}) })
    const url = 'postgres://shop:geheim@db/orders?sslpassword=geheim'
    const secret = urlAt(loaded, 'resources.orders.url', { kind: 'postgres', text: url }, {})
    assert.equal(secret.reveal(), url)
    assert.equal(`${secret}`, 'postgres://shop:***@db/orders?sslpassword=***')
    for (const shown of [JSON.stringify({ secret }), inspect(secret, { showHidden: true })]) {
      assert.doesNotMatch(shown, /geheim/)
    }
  })

  test('says what to install where a driver is missing', async () => {
    const directory = await configured({})
    const code = `
      import { registerHooks } from 'node:module'
      registerHooks({
        resolve: (specifier, context, next) =>
          next(specifier === 'pg' ? 'a-driver-that-is-not-there' : specifier, context),
      })
      const { openConfigured } = await import(${JSON.stringify(opener)})
      const environment = { ORDERS_URL: 'postgres://127.0.0.1/orders' }
      await openConfigured({ directory: ${JSON.stringify(directory)}, environment }).catch(
        (error) => console.log(error.message),
      )`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code])
    assert.equal(stdout, 'resources.orders.kind needs the driver pg: npm install pg\n')
  })
})

const opener = new URL('../../src/config/open.ts', import.meta.url).href

await postgresSuite('a configuration with databases that are there', (servers) => {
  test('opens as the reference shows it, and commits at both', async () => {
    const server = await servers.shared()
    const urls = [await servers.database(server), await servers.database(server)]
    const [orders, stock] = urls.map((url) => servers.pool(url))
    await orders?.query('create table orders (id int generated always as identity, sku text)')
    await stock?.query(`create table item as select 'blue'::text as sku, 5 as count`)
    const directory = join(folder, 'sample')
    await mkdir(directory)
    await writeFile(join(directory, 'assent.config.ts'), sample('assent.config.ts'))
    await writeFile(join(directory, 'application.ts'), sample('application.ts'))
    const env = { ...process.env, ORDERS_URL: urls[0], STOCK_URL: urls[1] }
    await run(process.execPath, ['application.ts'], { cwd: directory, env })
    assert.deepEqual((await orders?.query('select sku from orders'))?.rows, [{ sku: 'blue' }])
    assert.deepEqual((await stock?.query('select count from item'))?.rows, [{ count: 4 }])
    assert.ok((await readdir(directory)).includes('transactions'))
  })

  test('gives the options on, and the pools, and ends them', async () => {
    const { url } = await servers.shared()
    const resource = { kind: 'postgres', poolSize: 3, defaultIsolation: 'serializable' } as const
    const directory = await configured({
      resources: { orders: { ...resource, url, recovery: { url: { env: 'RECOVERY' } } } },
      controlSocket: false,
      maxActive: 1,
    })
    const opened = await openConfigured({ directory, environment: { RECOVERY: url } })
    const { coordinator, pools, loaded } = opened
    assert.equal(loaded.log, join(directory, 'transactions'))
    assert.equal(coordinator.log, join(directory, 'transactions', 'slot-0'))
    const pool = pools.orders as Pool
    assert.equal(pool.options.max, 3)
    const isolation = await coordinator.transaction(['orders'], async ({ orders }) => {
      await assert.rejects(
        coordinator.transaction(['orders'], () => 1, { propagation: 'requires-new' }),
        { code: 'ASSENT_OVERLOADED' },
      )
      const { rows } = await (orders as Pool).query('show transaction_isolation')
      return rows[0].transaction_isolation
    })
    assert.equal(isolation, 'serializable')
    const report = await opened.close()
    assert.deepEqual(report.undelivered, [])
    assert.equal(pool.ended, true)
  })

  test("gives its coordinator the doctor's limits, which a call may replace", async () => {
    const url = await servers.database(await servers.shared())
    const directory = await configured({
      resources: { orders: { kind: 'postgres', url } },
      doctor: { strangerAgeMs: 1 },
    })
    const pool = servers.pool(url)
    await pool.query(`begin; prepare transaction 'nightly-${process.pid}'`)
    const { coordinator, close } = await openConfigured({ directory })
    const isFound = async (options?: DoctorOptions): Promise<boolean> => {
      const { findings } = await coordinator.doctor(options)
      return findings.some(({ id }) => id === 'stranger-branch-waits')
    }
    assert.equal(await isFound(), true)
    assert.equal(await isFound({ limitMs: 9_000 }), true, 'a call took what it did not name')
    assert.equal(await isFound({ strangerAgeMs: 3_600_000 }), false)
    await close()
    await pool.query(`rollback prepared 'nightly-${process.pid}'`)
  })

  test('gives up its pools where the coordinator refuses', async () => {
    const server = await servers.start({ maxPreparedTransactions: 0 })
    const directory = await configured({
      resources: { orders: { kind: 'postgres', url: server.url } },
    })
    await assert.rejects(openConfigured({ directory }), { code: 'ASSENT_RESOURCE_REFUSED' })
    const { rows } = await servers
      .pool(server.url, { application_name: 'asking' })
      .query(`select count(*)::int from pg_stat_activity where application_name = 'assent'`)
    assert.deepEqual(rows, [{ count: 0 }])
  })
})

await mariadbSuite('a configuration with a MariaDB database', (servers) => {
  test('is as the reference shows it', async () => {
    const file = join(folder, 'mariadb.config.json')
    await writeFile(file, sample('mariadb/assent.config.json'))
    const loaded = await loadConfiguration({ file })
    assert.equal(loaded.configuration.resources.stock?.kind, 'mysql')
    const url = await servers.database(await servers.shared())
    const { stock } = loaded.configuration.resources
    const directory = await configured({ resources: { stock: stock as ResourceConfiguration } })
    const opened = await openConfigured({ directory, environment: { STOCK_URL: url } })
    const { resources } = await opened.coordinator.doctor()
    assert.match(resources[0]?.fingerprint ?? '', /stock-1/)
    await opened.close()
  })

  test('opens it by either name of the protocol, and works there', async () => {
    const url = await servers.database(await servers.shared())
    await administer(url, 'create table item (id int) engine = InnoDB')
    const resource = { kind: 'mysql', url: { env: 'STOCK_URL' }, poolSize: 2 } as const
    const directory = await configured({ resources: { stock: resource } })
    for (const protocol of ['mysql:', 'mariadb:']) {
      const environment = { STOCK_URL: url.replace(/^mysql:/, protocol) }
      const { coordinator, close } = await openConfigured({ directory, environment })
      await coordinator.transaction(['stock'], async ({ stock }) => {
        await (stock as PoolConnection).query('insert into item values (1)')
      })
      await close()
    }
    const [rows] = await servers.pool(url).query('select count(*) as items from item')
    assert.deepEqual(rows, [{ items: 2 }])
  })
})
