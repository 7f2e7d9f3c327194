/** The demo itself, on real servers, with real kills; and that its checks see what is wrong. */
import assert from 'node:assert/strict'
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import pg from 'pg'

import { openPostgres } from '../../../src/cli/demo/postgres-database.ts'
import { makeTemporaryDirectory } from '../../../src/cli/postgres-server/directories.ts'
import { type PostgresServers, postgresSuite } from '../../harness/postgres.ts'
import { assent, jsonOf } from '../run-assent.ts'
import { startDemo } from './running-demo.ts'
import { assertPlantsSeen } from './violations.ts'

await postgresSuite('assent demo', (servers) => {
  test('holds while its worker and its servers are killed, and leaves nothing', async () => {
    const answer = await assent(
      'demo',
      '--seconds',
      '5',
      '--kill-every',
      '1',
      '--seed',
      '3',
      '--json',
    )
    assert.equal(answer.exitCode, 0, answer.err)
    const { databases, log, ...result } = jsonOf(answer)
    assert.ok(result.coordinatorKills >= 1, answer.err)
    const { committed, byExecute } = result
    assert.ok(byExecute > 0 && byExecute < committed, 'it makes transfers in both forms')
    assert.deepEqual(
      {
        ...result,
        committed: 0,
        byExecute: 0,
        aborted: 0,
        coordinatorKills: 0,
        databaseRestarts: 0,
        recovered: 0,
      },
      {
        committed: 0,
        byExecute: 0,
        aborted: 0,
        coordinatorKills: 0,
        databaseRestarts: 0,
        recovered: 0,
        money: { before: 2_000_000, after: 2_000_000 },
        leftPrepared: 0,
        held: true,
      },
    )
    assert.deepEqual(Object.keys(result.recovered), ['committed', 'aborted'])
    assert.equal(answer.out.trimEnd().split('\n').length, 1, 'stdout has more than the result')
    assert.match(answer.err, /^Everything held\.$/m)
    await assertGone(databases, log)
  })

  test('comes to an orderly end at Ctrl-C, and to a sudden one at the second', async (context) => {
    const first = startDemo()
    await first.says(/killed the worker/)
    first.interrupt()
    const answer = await first.ended
    assert.equal(answer.exitCode, 0, answer.err)
    const { held, databases, log } = jsonOf(answer)
    assert.equal(held, true)
    await assertGone(databases, log)

    const folder = await makeTemporaryDirectory('assent-demo-test-')
    context.after(() => rm(folder, { recursive: true }))
    const second = startDemo({ TMPDIR: folder })
    await second.says(/killed the worker/)
    second.interrupt()
    await second.says(/Ctrl-C again ends at once/)
    second.interrupt()
    const cut = await second.ended
    assert.deepEqual({ exitCode: cut.exitCode, out: cut.out }, { exitCode: 130, out: '' })
    assert.match(cut.err, /^assent demo: ended at once, so nothing was checked$/m)
    const left = (await readdir(folder)).filter((name) => name.startsWith('assent-demo-'))
    assert.deepEqual(left, [], 'it left its servers or its log')
  })

  test('keeps what it is told to, and its checks see every violation planted there', async () => {
    const urls = await twoDatabases(servers)
    const given = urls.flatMap((url) => ['--postgres', url])
    const answer = await assent(
      'demo',
      '--seconds',
      '2',
      '--kill-every',
      '1',
      '--form',
      'execute',
      '--keep',
      '--json',
      ...given,
    )
    assert.equal(answer.exitCode, 0, answer.err)
    const { log, databases: shown, committed, byExecute, aborted } = jsonOf(answer)
    assert.equal(byExecute, committed, 'all are made in the form that it is told')
    assert.ok(aborted > 0, 'overdrafts and regrets are refused, too')
    assert.ok(
      shown.every((url: string) => url.includes(':***@')),
      'shows a password',
    )
    const schema = /schema (assent_demo_\w+)/.exec(answer.err)?.[1] ?? ''
    const [left = '', right = ''] = urls
    await assertPlantsSeen({
      databases: [
        await openPostgres('left', left, undefined),
        await openPostgres('right', right, undefined),
      ],
      sessions: { left: servers.pool(left, { max: 1 }), right: servers.pool(right, { max: 1 }) },
      bank: schema,
      decisions: { place: 'log', directory: log },
    })
    await rm(dirname(log), { recursive: true })
  })

  test('holds with its decisions in a participant, and its checks see what is planted', async () => {
    const urls = await twoDatabases(servers)
    const given = urls.flatMap((url) => ['--postgres', url])
    const answer = await assent(
      'demo',
      '--decisions',
      'participant',
      '--seconds',
      '2',
      '--kill-every',
      '1',
      '--keep',
      '--json',
      ...given,
    )
    assert.equal(answer.exitCode, 0, answer.err)
    const { log, coordinatorKills } = jsonOf(answer)
    assert.ok(coordinatorKills >= 1, answer.err)
    const schema = /schema (assent_demo_\w+)/.exec(answer.err)?.[1] ?? ''
    assert.equal(log, `schema ${schema} in the left database`)
    assert.match(answer.err, new RegExp(`^kept: the decision log, ${log}$`, 'm'))
    const [left = '', right = ''] = urls
    const sessions = {
      left: servers.pool(left, { max: 1 }),
      right: servers.pool(right, { max: 1 }),
    }
    const { rows } = await sessions.left.query(`select epoch::int from ${schema}.assent_log`)
    assert.ok(rows[0].epoch > 1, 'it was opened again after a kill')
    await assertPlantsSeen({
      databases: [
        await openPostgres('left', left, undefined),
        await openPostgres('right', right, undefined),
      ],
      sessions,
      bank: schema,
      decisions: { place: 'participant', schema },
    })
    const directory = /rm -rf (\S+)$/m.exec(answer.err)?.[1] ?? ''
    await rm(directory, { recursive: true })
  })

  test('refuses a form that there is not', async () => {
    const answer = await assent('demo', '--form', 'batch')
    assert.equal(answer.exitCode, 2)
    assert.match(answer.err, /--form takes mixed, callback or execute, not 'batch'/)
  })

  test('refuses places for decisions that there are not, and databases that can keep none', async () => {
    const mysql = ['--mysql', 'mysql://nobody@127.0.0.1:1/x']
    const file = join(await makeTemporaryDirectory('assent-demo-test-'), 'assent.config.json')
    const resources = {
      one: { kind: 'mysql', url: 'mysql://nobody@127.0.0.1:1/x' },
      two: { kind: 'postgres', url: 'postgres://nobody@127.0.0.1:1/x' },
    }
    await writeFile(file, JSON.stringify({ name: 'shop', log: './log', resources }))
    for (const [given, says] of [
      [['--decisions', 'nowhere', ...mysql], /takes log or participant, not 'nowhere'/],
      [['--decisions', 'participant', '--config', file], /has to be PostgreSQL/],
    ] as const) {
      const answer = await assent('demo', ...given)
      assert.equal(answer.exitCode, 2, answer.err)
      assert.match(answer.err, says)
    }
    await rm(dirname(file), { recursive: true })
  })

  test('refuses databases that can not take part, and changes nothing', async () => {
    const unable = await servers.start({ maxPreparedTransactions: 0 })
    const unsafe = await servers.start({ settings: { fsync: 'off' } })
    const able = await servers.database(await servers.shared())
    const schemasIn = async (url: string): Promise<number | null> =>
      (await servers.pool(url).query(`select 1 from pg_namespace where nspname ~ '^assent'`))
        .rowCount
    const refusals = [
      { second: unsafe.url, says: /^assent demo: postgres:.*: fsync is off, so .* reload/ },
      { second: unable.url, says: /max_prepared_transactions is 0, so .* restart the server/ },
      {
        second: 'postgres://127.0.0.1:1/x',
        says: /postgres:\/\/127\.0\.0\.1:1\/x can not be reached: /,
      },
      { second: `${able}?application_name=x`, says: /the same database is named twice/ },
    ]
    for (const { second, says } of refusals) {
      const answer = await assent(
        'demo',
        '--seconds',
        '1',
        '--postgres',
        able,
        '--postgres',
        second,
      )
      assert.equal(answer.exitCode, 1)
      assert.match(answer.err, says)
      assert.equal(answer.err.trimEnd().split('\n').length, 1)
      assert.equal(await schemasIn(able), 0)
    }
  })
})

async function twoDatabases(servers: PostgresServers): Promise<string[]> {
  const server = await servers.shared()
  return [await servers.database(server), await servers.database(server)]
}

async function assertGone(urls: readonly string[], log: string): Promise<void> {
  await assert.rejects(stat(dirname(log)), { code: 'ENOENT' })
  for (const url of urls) {
    await assert.rejects(new pg.Client(url).connect(), { code: 'ECONNREFUSED' })
  }
}
