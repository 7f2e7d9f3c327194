/** `assent doctor`, as a user runs it: what it prints, what it answers, and what it leaves alone. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { renderReport } from '../../src/cli/doctor/render.ts'
import type { Configuration } from '../../src/config/configuration.ts'
import { openConfigured } from '../../src/config/open.ts'
import { findingAt } from '../../src/core/findings.ts'
import { accountUrl, administer, mariadbSuite } from '../harness/mariadb.ts'
import { postgresSuite, roleUrl } from '../harness/postgres.ts'
import { type Answer, assentHere, assentIn, jsonOf } from './run-assent.ts'

const folder = await mkdtemp(join(tmpdir(), 'assent-doctor-cli-'))
after(() => rm(folder, { recursive: true }))
let made = 0

/** Findings about the disk of this machine must not decide whether the tests pass. */
const ofTheDisk = /^log-(volatile|in-container-layer|on-shared-file-system|file-system-unknown)$/

/** A directory with a configuration; its path. */
async function configured(given: Partial<Configuration>): Promise<string> {
  made += 1
  const directory = join(folder, `case-${made}`)
  await mkdir(directory)
  const configuration = { name: 'shop', log: './transactions', ...given }
  await writeFile(join(directory, 'assent.config.json'), JSON.stringify(configuration))
  return directory
}

function at(url: string): Configuration['resources'] {
  return { orders: { kind: 'postgres', url, poolSize: 4 } }
}

/** But for those about the disk, and about the passwords that the servers of tests have. */
function findingsOf(answer: Answer): { id: string; resource: string | null; found: string }[] {
  const { findings } = jsonOf(answer)
  return findings.filter(({ id }: { id: string }) => !ofTheDisk.test(id) && id !== 'secret-in-file')
}

/** Everything in the log's files, and their names. */
async function contentsOf(log: string): Promise<Record<string, string>> {
  const names = (await readdir(log, { recursive: true })).sort()
  const contents: Record<string, string> = {}
  for (const name of names) {
    const isFile = /(segment|checkpoint|assent-log)$/.test(name)
    contents[name] = isFile ? (await readFile(join(log, name))).toString('base64') : ''
  }
  return contents
}

await postgresSuite('assent doctor', (servers) => {
  test('says that nothing is wrong, and how things stand', async () => {
    const { url } = await servers.shared()
    const directory = await configured({ resources: at(url) })
    const answer = await assentIn(directory, 'doctor', '--json')
    const { errors, resources, log, installation, config } = jsonOf(answer)
    assert.deepEqual(findingsOf(answer), [])
    assert.deepEqual(
      { exitCode: answer.exitCode, err: answer.err },
      { exitCode: errors > 0 ? 1 : 0, err: '' },
    )
    assert.equal(installation, 'shop')
    assert.equal(config, join(directory, 'assent.config.json'))
    assert.equal(log.directory, join(directory, 'transactions'))
    assert.deepEqual(Object.keys(resources[0]), [
      ...['name', 'kind', 'status', 'product', 'fingerprint', 'prepared', 'clockAheadMs'],
    ])
    assert.deepEqual(await readdir(directory), ['assent.config.json'], 'it made something')
    const { out } = await assentHere('doctor', '--config', config)
    assert.match(out, /^orders {9}PostgreSQL \d+.*, ready, 0 prepared, clock [+-]?\d+ ms$/m)
    assert.match(out, /^(Nothing is wrong\.|Found: .*)\n$/m)
  })

  test('answers beside a live application, and leaves it and its log as they are', async () => {
    const { url } = await servers.shared()
    const directory = await configured({ resources: at(url) })
    const { coordinator, close } = await openConfigured({ directory })
    const log = join(directory, 'transactions')
    const before = await contentsOf(log)
    const answer = await assentIn(directory, 'doctor', '--json')
    assert.deepEqual(findingsOf(answer), [])
    assert.deepEqual(jsonOf(answer).log.slots, [
      { slot: 0, held: true, pid: process.pid, unfinished: 0 },
    ])
    assert.deepEqual(await contentsOf(log), before, 'it changed the log')
    const one = await coordinator.transaction(['orders'], async ({ orders }) => {
      return (await (orders as typeof client).query('select 1 as one')).rows
    })
    assert.deepEqual(one, [{ one: 1 }])
    const own = await coordinator.doctor()
    assert.deepEqual(
      own.findings.filter(({ id }) => !ofTheDisk.test(id)),
      [],
    )
    await close()
  })

  test('sees another live installation of the name by its sessions', async () => {
    const url = await servers.database(await servers.shared())
    const [here, there] = [
      await configured({ resources: at(url) }),
      await configured({ resources: at(url) }),
    ]
    const { close, coordinator } = await openConfigured({ directory: there })
    const [found, ...others] = findingsOf(await assentIn(here, 'doctor', '--json'))
    assert.equal(found?.id, 'another-installation')
    assert.match(
      found?.found ?? '',
      /^'shop' is at work here with .{13}, a log not ours: a session/,
    )
    assert.deepEqual(others, [])
    const own = await coordinator.doctor()
    assert.ok(!own.findings.some(({ id }) => id === 'another-installation'))
    await close()
  })

  test('exits with 1 where there is an error, and fits into 80 columns', async () => {
    const server = await servers.start({ maxPreparedTransactions: 0, settings: { fsync: 'off' } })
    const directory = await configured({ resources: at(server.url) })
    const { exitCode, out, err } = await assentIn(directory, 'doctor')
    assert.deepEqual({ exitCode, err }, { exitCode: 1, err: '' })
    assert.match(
      out,
      /^ERROR orders: prepared-off\n {2}max_prepared_transactions is 0\n {2}Effect: The /m,
    )
    assert.match(out, /^ {4}alter system set max_prepared_transactions = 100; -- and restart/m)
    assert.match(out, /^ERROR orders: fsync-off$/m)
    assert.match(out, /^Found: \d errors/m)
    // Commands and paths are whole, to be copied.
    const wide = out
      .split('\n')
      .filter((line) => line.length > 80 && !/^ {4}|assent-doctor/.test(line))
    assert.deepEqual(wide, [])
  })

  test('is not held up by a database that hangs, and goes on with the rest', async () => {
    const server = await servers.start()
    const { url } = await servers.shared()
    const directory = await configured({
      resources: { ...at(url), stock: { kind: 'postgres', url: server.url } },
      doctor: { limitMs: 500 },
    })
    await server.suspend()
    const answer = await assentIn(directory, 'doctor', '--json')
    await server.resume()
    assert.equal(answer.exitCode, 1)
    assert.deepEqual(
      findingsOf(answer).map(({ id, resource }) => ({ id, resource })),
      [{ id: 'resource-unreachable', resource: 'stock' }],
    )
  })

  test('prints no secret, whatever is wrong with it', async () => {
    const { url } = await servers.shared()
    const directory = await configured({ resources: at(roleUrl(url, 'nobody', 'geheim')) })
    for (const args of [[], ['--json']]) {
      const { exitCode, out, err } = await assentIn(directory, 'doctor', ...args)
      assert.equal(exitCode, 1)
      assert.match(out, /password authentication failed|role "nobody" does not exist/)
      assert.doesNotMatch(out + err, /geheim/)
    }
  })
})

await mariadbSuite('assent doctor, of a MariaDB server', (servers) => {
  test('says how things stand, and what is wrong, with its cure', async () => {
    const url = await servers.database(await servers.shared())
    const directory = await configured({ resources: { stock: { kind: 'mysql', url } } })
    const answer = await assentIn(directory, 'doctor', '--json')
    assert.equal(answer.err, '')
    const [{ name, kind, status, product, prepared, clockAheadMs }] = jsonOf(answer).resources
    assert.deepEqual(
      { name, kind, status, prepared },
      {
        ...{ name: 'stock', kind: 'mysql', status: 'ready', prepared: 0 },
      },
    )
    assert.match(product, /^(MariaDB|MySQL) \d+\./)
    assert.ok(Math.abs(clockAheadMs) < 5_000, `clock ${clockAheadMs}`)
    await administer(url, 'create table visits (id int) engine = MyISAM')
    const { out } = await assentIn(directory, 'doctor')
    assert.match(out, /^WARNING stock: tables-not-transactional$/m)
    assert.match(out, /^ {4}alter table `visits` engine = InnoDB;$/m)
    assert.match(out, /^stock {10}(MariaDB|MySQL) \d+.*, ready, 0 prepared, clock [+-]?\d+ ms$/m)
  })

  test('says of a password in the file that it is there, and not what it is', async () => {
    const url = await servers.database(await servers.shared())
    const account = `create user if not exists teller@'%' identified by 'geheim'`
    await administer(url, account, `grant all on *.* to teller@'%'`)
    const known = accountUrl(url, 'teller', 'geheim')
    const directory = await configured({ resources: { stock: { kind: 'mysql', url: known } } })
    const answer = await assentIn(directory, 'doctor', '--json')
    const ids = jsonOf(answer).findings.map(({ id }: { id: string }) => id)
    assert.ok(ids.includes('secret-in-file'), answer.out)
    assert.doesNotMatch(answer.out + answer.err, /geheim/)
    await administer(url, `drop user teller@'%'`)
  })

  test('exits with 1 at a server that forces nothing', { skip: servers.notOurs }, async () => {
    const { url } = await servers.start({ settings: { innodb_flush_log_at_trx_commit: 0 } })
    const directory = await configured({ resources: { stock: { kind: 'mysql', url } } })
    const { exitCode, out } = await assentIn(directory, 'doctor')
    assert.equal(exitCode, 1)
    assert.match(out, /^ERROR stock: fsync-off\n {2}innodb_flush_log_at_trx_commit is 0$/m)
  })
})

declare const client: { query(text: string): Promise<{ rows: unknown[] }> }

test('what assent doctor says for people tells what cures from what only looks', () => {
  const findings = [
    findingAt('stock', { id: 'fsync-off', found: 'x', command: 'set global x = 1;' }),
    findingAt(undefined, { id: 'log-volatile', found: 'y', look: 'df -T /transactions' }),
  ]
  const report = { installation: 'shop', findings, resources: [], log: undefined }
  const text = renderReport('assent.config.json', report)
  assert.match(text, /^ {2}Cure: Switch the forced writes on\.\n {4}set global x = 1;\n\n/m)
  assert.match(text, /^ {2}Cure: Move .*\.\n {2}To look at it:\n {4}df -T \/transactions\n\n/m)
})

describe('assent doctor refuses', () => {
  const refused = async (given: Partial<Configuration>, says: RegExp): Promise<void> => {
    const file = join(await configured(given), 'assent.config.json')
    const { exitCode, out, err } = await assentHere('doctor', '--config', file)
    assert.deepEqual({ exitCode, out }, { exitCode: 2, out: '' })
    assert.match(err, /^assent doctor: [^\n]* \(ASSENT_INVALID_OPTION\)\n$/)
    assert.match(err, says)
    assert.ok(err.includes(file), err)
  }

  test('a configuration that is wrong, by its key', () =>
    refused({ resources: {} }, /resources names no resource/))

  test('a variable that is not set, by its name', () =>
    refused(
      { resources: { orders: { kind: 'postgres', url: { env: 'A_URL_THAT_NOBODY_SET' } } } },
      /resources\.orders\.url is in the environment variable A_URL_THAT_NOBODY_SET, which is not/,
    ))

  test('a directory without a configuration, in JSON too where that is asked for', async () => {
    const answer = await assentIn(folder, 'doctor', '--json')
    assert.equal(answer.exitCode, 2)
    assert.equal(jsonOf(answer).error.code, 'ASSENT_INVALID_OPTION')
    assert.match(
      jsonOf(answer).error.message,
      /^there is no assent\.config\.\{ts,js,mjs,json\} in /,
    )
  })
})

describe('the commands about a log find it by a configuration', () => {
  const resources: Configuration['resources'] = {
    orders: { kind: 'postgres', url: { env: 'A_URL_THAT_NOBODY_SET' } },
  }

  test('that is named, or that is in the working directory, without any variable', async () => {
    const directory = await configured({ resources, log: './decisions' })
    const named = join(directory, 'assent.config.json')
    for (const answer of [
      await assentHere('list', '--config', named),
      await assentIn(directory, 'list'),
    ]) {
      assert.equal(answer.exitCode, 2)
      assert.match(answer.err, /there is no decision log in .*decisions; name its directory/)
    }
    const other = await assentIn(directory, 'list', '--log', './elsewhere')
    assert.match(other.err, /there is no decision log in \.\/elsewhere; /)
  })

  test('but not by two at once', async () => {
    const { exitCode, err } = await assentHere('list', '--log', 'a', '--config', 'b.json')
    assert.equal(exitCode, 2)
    assert.match(err, /--log and --config both say where the log is: give one of them\nUsage: /)
  })
})
