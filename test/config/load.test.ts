/** Finding, reading and checking a configuration; every refusal names the file and the key. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { loadConfiguration } from '../../src/config/load.ts'
import { codeOf, messageOf } from '../../src/core/errors.ts'
import { sample } from './samples.ts'

const run = promisify(execFile)
const least = {
  name: 'shop',
  log: './transactions',
  resources: { orders: { kind: 'postgres', url: { env: 'ORDERS_URL' } } },
}

describe('a configuration', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assent-config-'))
  after(() => rm(folder, { recursive: true }))
  let made = 0

  /** A new directory with these files. */
  const directoryWith = async (files: Readonly<Record<string, string>>): Promise<string> => {
    made += 1
    const directory = join(folder, `case-${made}`)
    await mkdir(directory)
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
    return directory
  }
  const load = async (given: object): ReturnType<typeof loadConfiguration> => {
    const text = JSON.stringify({ ...least, ...given })
    return await loadConfiguration({
      directory: await directoryWith({ 'assent.config.json': text }),
    })
  }
  const refusal = async (work: Promise<unknown>): Promise<string> => {
    const failure: unknown = await work.then(
      () => assert.fail('it was taken'),
      (error: unknown) => error,
    )
    assert.equal(codeOf(failure), 'ASSENT_INVALID_OPTION', messageOf(failure))
    return messageOf(failure)
  }

  test('is found by its name, the first of ts, js, mjs and json', async () => {
    const named = (name: string): string => JSON.stringify({ ...least, name })
    const files = {
      'assent.config.ts': `export default ${named('ts')} satisfies object\n`,
      'assent.config.js': `export default ${named('js')}\n`,
      'assent.config.mjs': `export default ${named('mjs')}\n`,
      'assent.config.json': named('json'),
    }
    const names = Object.keys(files)
    for (const [index, first] of names.entries()) {
      const present = Object.fromEntries(Object.entries(files).slice(index))
      // Node asks what a .js file is; the others say it themselves.
      const directory = await directoryWith({ ...present, 'package.json': '{"type":"module"}' })
      const { configuration, file } = await loadConfiguration({ directory })
      assert.equal(file, join(directory, first))
      assert.equal(`assent.config.${configuration.name}`, first)
    }
  })

  test('may be named, and says where its log is from where it is itself', async () => {
    const directory = await directoryWith({ 'bank.json': JSON.stringify(least) })
    const { log, file } = await loadConfiguration({ directory, file: 'bank.json' })
    assert.equal(file, join(directory, 'bank.json'))
    assert.equal(log, join(directory, 'transactions'))
    const absolute = await load({ log: join(folder, 'elsewhere') })
    assert.equal(absolute.log, join(folder, 'elsewhere'))
  })

  test('of the reference reads as it stands there, in TypeScript and as JSON', async () => {
    const names = ['assent.config.ts', 'assent.config.json']
    const [typed, json] = await Promise.all(
      names.map(async (name) => {
        const directory = await directoryWith({ [name]: sample(name) })
        return (await loadConfiguration({ directory })).configuration
      }),
    )
    const { $schema, ...same } = json ?? assert.fail()
    assert.match($schema ?? '', /node_modules\/assent\/docs\/reference\/assent\.config\.schema/)
    assert.deepEqual(same, typed)
    assert.equal(same.timeoutMs, 10_000)
  })

  test('that is not there is said with where it was looked for', async () => {
    const directory = await directoryWith({})
    assert.equal(
      await refusal(loadConfiguration({ directory })),
      `there is no assent.config.{ts,js,mjs,json} in ${directory}; make one, or name yours`,
    )
    const none = refusal(loadConfiguration({ directory, file: 'none.json' }))
    assert.equal(await none, `there is no file ${join(directory, 'none.json')}`)
  })

  const unreadable: readonly (readonly [name: string, text: string, says: RegExp])[] = [
    ['assent.config.json', '{ "name": "shop", }', /assent\.config\.json: no JSON at position 18/],
    ['assent.config.json', '', /assent\.config\.json: no JSON$/],
    ['assent.config.json', 'null', /: the configuration must be an object, such as defineConfig/],
    ['assent.config.mjs', 'export const a = 1', /has no default export; write export default/],
    ['assent.config.mjs', 'export default', /assent\.config\.mjs can not be loaded: /],
    ['assent.config.mjs', "import 'nowhere'", /can not be loaded: Cannot find package 'nowhere'/],
    ['assent.yaml', 'name: shop', /a configuration is a \.ts, \.js, \.mjs or \.json file$/],
  ]
  for (const [file, text, says] of unreadable) {
    test(`that can not be read is refused: ${file} ${text}`, async () => {
      const directory = await directoryWith({ [file]: text })
      const message = await refusal(loadConfiguration({ directory, file }))
      assert.match(message, says)
      assert.ok(message.includes(join(directory, file)), message)
    })
  }

  const database = { kind: 'postgres', url: { env: 'ORDERS_URL' } }
  const wrong: readonly (readonly [given: object, says: RegExp])[] = [
    [{ name: undefined }, /: name is missing: it must be 1 to 20 of a-z, 0-9 and -$/],
    [{ name: 'Shop' }, /: name must be 1 to 20 of a-z, 0-9 and -$/],
    [{ log: '' }, /: log must be the path of a directory that lasts, such as/],
    [{ log: undefined }, /: log is missing: it must be the path of .*; or give decisions instead$/],
    [{ decisions: { in: 'orders' } }, /: decisions and log both say where: give one of them$/],
    [
      { log: undefined, decisions: { in: 'stock' } },
      /: decisions\.in names 'stock', which is no resource$/,
    ],
    [{ decisions: { in: 5 } }, /: decisions\.in must be the name of a resource$/],
    [
      { decisions: { in: 'orders', creat: true } },
      /: decisions\.creat is no key of it; did you mean create\?/,
    ],
    [{ timeOutMs: 5 }, /: timeOutMs is no key of it; did you mean timeoutMs\?$/],
    [{ colour: 'blue' }, /: colour is no key of it$/],
    [{ timeoutMs: 0 }, /: timeoutMs must be a number of milliseconds above 0 and at most/],
    [{ maxActive: 1.5 }, /: maxActive must be a whole number from 1 to 2147483647$/],
    [{ retention: { byte: 1 } }, /: retention\.byte is no key of it; did you mean bytes\?$/],
    [{ doctor: { clockSkew: 1 } }, /: doctor\.clockSkew is no key of it; did you mean clockSkewMs/],
    [{ acceptChanged: ['stock'] }, /: acceptChanged names 'stock', which is no resource$/],
    [{ resources: {} }, /: resources names no resource$/],
    [{ resources: { tx: database } }, /: resources\.tx is no name of a resource: /],
    [{ resources: { orders: 5 } }, /: resources\.orders must be an object$/],
    [
      { resources: { orders: { kind: 'oracle' } } },
      /orders\.kind must be 'postgres' or 'mysql', which is MariaDB's too$/,
    ],
    [
      { resources: { orders: { kind: 'mysql' } } },
      /: resources\.orders\.url is missing: it must be a URL, or \{ "env": "NAME" \} for one/,
    ],
    [
      { resources: { orders: { ...database, poolsize: 4 } } },
      /: resources\.orders\.poolsize is no key of it; did you mean poolSize\?$/,
    ],
    [
      { resources: { orders: { ...database, poolSize: 0 } } },
      /: resources\.orders\.poolSize must be a whole number from 1 to 10000$/,
    ],
    [
      { resources: { orders: { ...database, allowUnsafe: ['all'] } } },
      /: resources\.orders\.allowUnsafe\.0 must be 'fsync-off'$/,
    ],
    [
      { resources: { orders: { ...database, keepStatements: 1, decisionSchema: 'pg_x' } } },
      /keepStatements must be true or false; resources\.orders\.decisionSchema must be a name of/,
    ],
    [{ name: 1, slots: 0 }, /: name must be .*; slots must be a whole number from 1 to 1000$/],
  ]
  for (const [given, says] of wrong) {
    test(`that is wrong is refused: ${JSON.stringify(given).slice(0, 60)}`, async () => {
      assert.match(await refusal(load(given)), says)
    })
  }

  test('never shows a value that was refused', async () => {
    const url = 'postgres://shop:geheim@db/orders'
    const given = {
      name: url,
      resources: { orders: { kind: 'postgres', url: [url], secret: url } },
    }
    assert.doesNotMatch(await refusal(load(given)), /geheim/)
    const text = `{ "name": "shop", "log": geheim }`
    const directory = await directoryWith({ 'assent.config.json': text })
    assert.doesNotMatch(await refusal(loadConfiguration({ directory })), /geheim/)
  })

  test('in TypeScript says so where Node does not take the types out', async () => {
    const directory = await directoryWith({ 'assent.config.ts': sample('assent.config.ts') })
    // It does; what it says of itself is changed.
    const code = `
      Object.defineProperty(process.features, 'typescript', { value: false })
      const { loadConfiguration } = await import(${JSON.stringify(loader)})
      await loadConfiguration({ directory: ${JSON.stringify(directory)} }).catch((error) => {
        console.log(error.message)
      })`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code])
    assert.match(stdout, /assent\.config\.ts: this Node \(v\d+\..*\) takes no TypeScript; use Node/)
  })
})

const loader = new URL('../../src/config/load.ts', import.meta.url).href
