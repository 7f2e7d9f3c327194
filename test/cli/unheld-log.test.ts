/** `assent` and the log of processes that are gone: it is read, and acts are recorded in it. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'

import { until } from '../harness/postgres-conditions.ts'
import { Child } from '../node/child.ts'
import { assent, assentHere, jsonOf } from './run-assent.ts'
import { openShop } from './shop.ts'

const signed = ['--by', 'ann', '--reason', 'seen in the bank']

describe('with a log whose process was killed, assent', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assent-unheld-'))
  let tests = 0
  let log = ''
  after(() => rm(folder, { recursive: true }))
  beforeEach(() => {
    tests += 1
    log = join(folder, `log-${tests}`)
  })

  test('lists what the next process will go on with, at the resources where it is', async () => {
    const [undelivered, held] = await leave(log, 'undelivered', 'held')
    const before = await contentsOf(log)
    const answer = await assent('list', '--log', log, '--json')
    assert.deepEqual({ exitCode: answer.exitCode, err: answer.err }, { exitCode: 0, err: '' })
    const { transactions, slots } = jsonOf(answer)
    assert.deepEqual(transactions.map(essence), [
      {
        id: undelivered,
        state: 'committing',
        decision: 'committed',
        pid: null,
        branches: ['orders committing', 'stock committing'],
      },
      {
        id: held,
        state: 'held',
        decision: null,
        pid: null,
        branches: ['bank committing-one-phase', 'orders prepared'],
      },
    ])
    assert.equal(slots[0].held, false)
    assert.match(slots[0].problem, /nobody holds it, and work is left/)
    assert.deepEqual(await contentsOf(log), before, 'reading changed the log')
  })

  test('records a decision, and the next process carries it out', async () => {
    const [id = ''] = await leave(log, 'held')
    const answer = await assent('resolve', id, 'abort', ...signed, '--log', log, '--json')
    assert.deepEqual(jsonOf(answer), { id, decision: 'aborted', effect: 'recorded' })
    const [listed] = jsonOf(await assentHere('list', '--log', log, '--json')).transactions
    assert.deepEqual(
      { state: listed.state, decision: listed.decision },
      { state: 'resolved', decision: 'aborted' },
    )
    assert.match((await assentHere('show', id, '--log', log)).out, /start the application/)

    const shop = await openShop(log)
    await until('the rollback', () => shop.calls.length === 1)
    assert.deepEqual(shop.calls, [`orders rollback assent.${id}.1`])
    assert.equal(await shop.coordinator.outcome(id), 'aborted')
    await shop.coordinator.close({ timeoutMs: 1 })
  })

  test('does not let a second operator say the opposite', async () => {
    const [id = ''] = await leave(log, 'held')
    const act = (word: string): ReturnType<typeof assentHere> =>
      assentHere('resolve', id, word, ...signed, '--log', log)
    assert.equal((await act('commit')).exitCode, 0)
    const { exitCode, err } = await act('abort')
    assert.equal(exitCode, 1)
    assert.match(err, /ann has resolved it as committed already \(ASSENT_NOT_RESOLVABLE\)/)
    assert.equal((await act('commit')).exitCode, 0)
  })

  test('does not resolve what was decided, and changes no decision', async () => {
    const [id = ''] = await leave(log, 'undelivered')
    const { exitCode, err } = await assentHere('resolve', id, 'abort', ...signed, '--log', log)
    assert.equal(exitCode, 1)
    assert.match(err, /it is committed, and does not wait for an operator/)
    const shown = jsonOf(await assentHere('show', id, '--log', log, '--json'))
    assert.deepEqual(
      { outcome: shown.outcome, acts: shown.acts },
      { outcome: 'committed', acts: [] },
    )
  })

  test('vouches for no branch, because only a process can tell whether it is waited for', async () => {
    const [id = ''] = await leave(log, 'undelivered')
    const before = await contentsOf(log)
    const by = ['--resource', 'stock', ...signed, '--log', log]
    const { exitCode, err } = await assentHere('resolve', id, 'commit', ...by)
    assert.equal(exitCode, 1)
    assert.match(err, /no process holds this log, .*; start the application, and run this again/)
    assert.deepEqual(await contentsOf(log), before)
  })

  test('forgets a heuristic', async () => {
    // The later one forces to disk that the first is settled.
    const [id = '', held] = await leave(log, 'heuristic', 'held')
    assert.equal((await assentHere('forget', id, ...signed, '--log', log)).exitCode, 0)
    const { transactions } = jsonOf(await assentHere('list', '--log', log, '--json'))
    assert.deepEqual(
      transactions.map((each: Listed) => each.id),
      [held],
    )
    const shown = jsonOf(await assentHere('show', id, '--log', log, '--json'))
    assert.equal(shown.outcome, 'mixed')
    assert.equal(shown.acts[0].act, 'forgotten')
  })

  test('presumes that what left no record was aborted, but not what was never issued', async () => {
    const [id = ''] = await leave(log, 'held')
    const without = (epoch: number, counter: string): string =>
      id.replace(/\.\w+\.\w+$/, `.${epoch}.${counter}`)
    const presumed = jsonOf(await assentHere('show', without(1, 'zz'), '--log', log, '--json'))
    assert.equal(presumed.outcome, 'aborted')
    const never = await assentHere('show', without(9, '1'), '--log', log)
    assert.equal(never.exitCode, 1)
    assert.match(never.err, /was never issued by its log \(ASSENT_UNKNOWN_TRANSACTION\)/)
  })

  test('says that nothing can reach a stranger’s branch', async () => {
    await leave(log)
    const stranger = 'assent.shop.zzzzzzzzzzzzz.1.1.0'
    const { exitCode, err } = await assentHere(
      'resolve',
      stranger,
      'abort',
      ...signed,
      '--log',
      log,
    )
    assert.equal(exitCode, 1)
    assert.match(err, /no process is up that could reach a resource; start the application/)
  })
})

/** Lets a process make transactions, and kills it; their ids. */
async function leave(log: string, ...wanted: readonly string[]): Promise<string[]> {
  const child = new Child(import.meta.url, './shop-process.ts', log, ...wanted)
  const ids: string[] = []
  for (let line = await child.line(); line !== 'ready'; line = await child.line()) {
    assert.ok(line !== undefined, child.errors)
    ids.push(line)
  }
  await child.kill()
  return ids
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

interface Listed {
  readonly id: string
  readonly state: string
  readonly decision: string | null
  readonly pid: number | null
  readonly branches: readonly { readonly resource: string; readonly state: string }[]
}

function essence({ id, state, decision, pid, branches }: Listed): unknown {
  return {
    id,
    state,
    decision,
    pid,
    branches: branches.map((each) => `${each.resource} ${each.state}`),
  }
}
