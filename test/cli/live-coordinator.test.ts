/** `assent` and a coordinator that is alive: it is asked, through its control socket. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, describe, test } from 'node:test'

import { until } from '../harness/postgres-conditions.ts'
import { Child } from '../node/child.ts'
import { assent, assentHere, jsonOf } from './run-assent.ts'
import { makeHeld, makeHeuristic, makeUndelivered, openShop, type Shop } from './shop.ts'

const signed = ['--by', 'ann', '--reason', 'seen in the bank']

describe('with a live coordinator, assent', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assent-live-'))
  let tests = 0
  let log = ''
  let shop: Shop

  beforeEach(async () => {
    tests += 1
    log = join(folder, `log-${tests}`)
    shop = await openShop(log)
  })
  afterEach(async () => {
    await shop.coordinator.close({ timeoutMs: 1 })
  })
  after(() => rm(folder, { recursive: true }))

  test('lists what waits, oldest first, with every branch', async () => {
    const undelivered = await makeUndelivered(shop)
    const held = await makeHeld(shop)
    await until('a second attempt', () => attemptsOf(shop, undelivered) > 1)
    const answer = await assent('list', '--log', log, '--json')
    assert.deepEqual({ exitCode: answer.exitCode, err: answer.err }, { exitCode: 0, err: '' })
    const { transactions, ...rest } = jsonOf(answer)
    assert.deepEqual(rest, {
      installation: 'shop',
      log,
      slots: [{ slot: 0, location: `${log}/slot-0`, held: true, pid: process.pid, problem: null }],
      underWay: 0,
      orphans: [],
      omitted: 0,
    })
    const [first, second] = transactions
    assert.equal(transactions.length, 2)
    assert.ok(first.ageMs >= second.ageMs)
    assert.deepEqual(
      { id: first.id, state: first.state, decision: first.decision, pid: first.pid },
      { id: undelivered, state: 'committing', decision: 'committed', pid: process.pid },
    )
    const [orders, stock] = first.branches
    assert.equal(orders.state, 'ended')
    assert.ok(stock.attempts > 1)
    assert.deepEqual(
      { ...stock, attempts: 0 },
      {
        id: `assent.${undelivered}.1`,
        resource: 'stock',
        state: 'committing',
        attempts: 0,
        problem: 'stock is down',
      },
    )
    assert.deepEqual(
      { id: second.id, state: second.state, decision: second.decision },
      { id: held, state: 'held', decision: null },
    )
  })

  test('lists for people, and lets no text of a resource steer the terminal', async () => {
    await makeHeuristic(shop)
    const { out } = await assentHere('list', '--log', log)
    assert.match(out, /^shop\.\S+ {2}heuristic \(committed\) {2}\d+ s {2}slot 0, process \d+\n/)
    assert.match(out, /^ {4}nightly {2}heuristic {4}the \[31mnightly run ended it\n/m)
    assert.ok(!out.includes('\x1b'))
  })

  test('says so when nothing waits, and lists what is under way on demand', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    const running = shop.coordinator.transaction(['orders'], async () => {
      entered.resolve()
      await promise
    })
    await entered.promise
    const { out } = await assentHere('list', '--log', log)
    assert.match(out, /^Nothing waits for a resource or an operator\.\n\n1 transaction under way: /)
    const all = jsonOf(await assentHere('list', '--log', log, '--all', '--json'))
    assert.deepEqual(
      all.transactions.map((each: { state: string }) => each.state),
      ['active'],
    )
    resolve()
    await running
  })

  test('shows a held transaction, and what to do about it', async () => {
    const id = await makeHeld(shop)
    const { exitCode, out } = await assentHere('show', id, '--log', log)
    assert.equal(exitCode, 3, 'nobody can tell yet how it ended')
    assert.match(out, new RegExp(`^transaction {2}${id}$`, 'm'))
    assert.match(out, /^ {2}orders {2}prepared/m)
    assert.match(out, /look at bank whether its part took place/)
    assert.ok(out.includes(`assent resolve ${id} commit --by NAME --reason TEXT`))
  })

  test('shows a transaction by the id of its branch, as a database stores it', async () => {
    const id = await makeUndelivered(shop)
    const shown = jsonOf(await assentHere('show', `assent.${id}.1`, '--log', log, '--json'))
    assert.equal(shown.id, id)
    assert.equal(shown.outcome, 'committed')
    assert.equal(shown.transaction.branches[1].problem, 'stock is down')
  })

  test('shows the outcome of what is over', async () => {
    const { id = '' } = await shop.coordinator.transact(['orders'], () => undefined)
    const { exitCode, out } = await assentHere('show', id, '--log', log)
    assert.equal(exitCode, 0)
    assert.match(out, /^outcome {6}committed$/m)
  })

  test('resolves what is held, by the name of who did and why', async () => {
    const id = await makeHeld(shop)
    const answer = await assent('resolve', id, 'commit', ...signed, '--log', log, '--json')
    assert.deepEqual(jsonOf(answer), { id, decision: 'committed', effect: 'done' })
    assert.equal(await shop.coordinator.outcome(id), 'committed')
    assert.deepEqual(shop.calls, [`orders commit assent.${id}.1`])
    const shown = jsonOf(await assentHere('show', id, '--log', log, '--json'))
    assert.deepEqual(
      shown.acts.map(({ at: _, ...act }: { at: string }) => act),
      [
        {
          act: 'resolved',
          decision: 'committed',
          ofBranch: false,
          by: 'ann',
          reason: 'seen in the bank',
        },
      ],
    )
  })

  test('does not resolve what was decided, and changes nothing', async () => {
    const id = await makeUndelivered(shop)
    const { exitCode, out, err } = await assentHere('resolve', id, 'abort', ...signed, '--log', log)
    assert.deepEqual({ exitCode, out }, { exitCode: 1, out: '' })
    assert.match(err, /is committing; .*`assent show .*\(ASSENT_NOT_RESOLVABLE\)\n$/)
    assert.equal(await shop.coordinator.outcome(id), 'committed')
    assert.deepEqual(jsonOf(await assentHere('show', id, '--log', log, '--json')).acts, [])
  })

  test('vouches for the branch at a resource that is gone', async () => {
    const id = await makeUndelivered(shop)
    const by = ['--resource', 'stock', ...signed, '--log', log]
    assert.equal((await assentHere('resolve', id, 'commit', ...by)).exitCode, 0)
    assert.deepEqual(jsonOf(await assentHere('list', '--log', log, '--json')).transactions, [])
    assert.equal(await shop.coordinator.outcome(id), 'committed')
  })

  test('forgets a heuristic once it was seen, and nothing else', async () => {
    const [heuristic, held] = [await makeHeuristic(shop), await makeHeld(shop)]
    assert.equal((await assentHere('forget', held, ...signed, '--log', log)).exitCode, 1)
    assert.equal((await assentHere('forget', heuristic, ...signed, '--log', log)).exitCode, 0)
    const { transactions } = jsonOf(await assentHere('list', '--log', log, '--json'))
    assert.deepEqual(
      transactions.map((each: { id: string }) => each.id),
      [held],
    )
  })

  test('says what it does not know', async () => {
    const unknown = await assentHere(
      'resolve',
      'shop.0123456789abc.1.1',
      'commit',
      ...signed,
      '--log',
      log,
    )
    assert.equal(unknown.exitCode, 1)
    assert.match(unknown.err, /no log in .* has issued shop\.0123456789abc\.1\.1/)
    const foreign = await assentHere('show', 'bank.0123456789abc.1.1', '--log', log)
    assert.equal(foreign.exitCode, 1)
    assert.match(foreign.err, /belongs to the installation 'bank', and .* is the log of 'shop'/)
  })
})

describe('with prepared branches that no transaction answers for, assent', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assent-orphans-'))
  after(() => rm(folder, { recursive: true }))
  const stranger = 'assent.shop.zzzzzzzzzzzzz.1.1.0'

  test('lists a stranger’s, and ends it as it is told', async () => {
    const log = join(folder, 'stranger')
    const shop = await openShop(log, { preparedAtStock: () => [stranger] })
    await until('the sighting', () => shop.coordinator.orphans().length === 1)
    const [orphan] = jsonOf(await assentHere('list', '--log', log, '--json')).orphans
    assert.deepEqual(
      { id: orphan.id, resource: orphan.resource, decision: orphan.decision },
      { id: stranger, resource: 'stock', decision: null },
    )
    const told = await assentHere('resolve', stranger, 'abort', ...signed, '--log', log)
    assert.equal(told.exitCode, 0, told.err)
    assert.deepEqual(shop.calls, [`stock rollback ${stranger}`])
    await shop.coordinator.close({ timeoutMs: 1 })
  })

  test('leaves a sibling’s alone, whose transaction is under way', async () => {
    const log = join(folder, 'sibling')
    const prepared: string[] = []
    const held = await openShop(log, { preparedAtStock: () => prepared })
    prepared.push(`assent.${await makeUndelivered(held)}.1`)
    const other = await openShop(log, { preparedAtStock: () => prepared })
    await until('the sighting', () => other.coordinator.orphans().length === 1)
    const listed = jsonOf(await assentHere('list', '--log', log, '--json'))
    assert.equal(listed.slots.length, 2)
    assert.deepEqual(listed.orphans, [])
    const branch = prepared[0] ?? ''
    const told = await assentHere('resolve', branch, 'abort', ...signed, '--log', log)
    assert.equal(told.exitCode, 1)
    assert.match(told.err, /whose log is here; resolve the transaction$/m)
    assert.deepEqual(other.calls, [])
    await Promise.all([held, other].map(({ coordinator }) => coordinator.close({ timeoutMs: 1 })))
  })
})

test('a process without a control socket is read from its log, and not gone behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assent-silent-'))
  const shop = await openShop(folder, { controlSocket: false })
  const id = await makeHeld(shop)
  const { out } = await assentHere('list', '--log', folder)
  assert.match(out, /^shop\.\S+ {2}held /)
  assert.match(out, /a live process holds it and does not answer \(it has no control socket\)/)
  const told = await assentHere('resolve', id, 'commit', ...signed, '--log', folder)
  assert.equal(told.exitCode, 1)
  assert.match(told.err, /a live process holds .*slot-0 and does not answer/)
  assert.equal(await shop.coordinator.outcome(id), 'unknown')
  await shop.coordinator.close({ timeoutMs: 1 })
  await rm(folder, { recursive: true })
})

test('a process that hangs is read from its log, and not gone behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assent-hanging-'))
  const child = new Child(import.meta.url, './shop-process.ts', folder, 'held')
  const id = (await child.line()) ?? ''
  assert.equal(await child.line(), 'ready', child.errors)
  child.signal('SIGSTOP')
  const [listed, told] = await Promise.all([
    assentHere('list', '--log', folder),
    assentHere('resolve', id, 'commit', ...signed, '--log', folder),
  ])
  assert.match(listed.out, /^shop\.\S+ {2}held .* slot 0, from its log$/m)
  assert.match(listed.out, /a live process holds it and does not answer \(no answer within/)
  assert.equal(told.exitCode, 1)
  assert.match(told.err, /a live process holds .* stop it or wait for it, and run this again$/m)
  await child.kill()
  await rm(folder, { recursive: true })
})

function attemptsOf({ coordinator }: Shop, id: string): number {
  const found = coordinator.transactions().find((each) => each.id === id)
  return Math.max(0, ...(found?.branches ?? []).map(({ attempts }) => attempts))
}
