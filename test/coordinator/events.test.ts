import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { describe, test } from 'node:test'

import type { StateChange } from '../../src/coordinator/events.ts'
import { diagnosticsEvents } from '../../src/node/events.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Installation, type Process } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

const both = ['orders', 'stock'] as const

async function open(t: test.TestContext) {
  const installation = new Installation(t)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const start = () =>
    installation.start({ orders: orders.participant(), stock: stock.participant() })
  const process = await start()
  return { installation, orders, stock, start, process, coordinator: process.coordinator }
}

function statesOf(process: Process, id: string): string[] {
  return process
    .events('transaction')
    .filter((change) => change.id === id)
    .map(({ state }) => state)
}

describe('somebody who listens hears', () => {
  test('every state of a transaction, from its beginning to its end', async (t) => {
    const { coordinator, process } = await open(t)
    const { id = '' } = await coordinator.transact(both, () => 1)
    assert.deepEqual(statesOf(process, id), [
      'active',
      'preparing',
      'recording-decision',
      'committing',
      'committed',
    ])
    assert.equal(process.events('transaction').at(-1)?.decision, 'committed')
  })

  test('every state of a branch, with its resource', async (t) => {
    const { coordinator, process } = await open(t)
    await coordinator.transaction(both, () => 1)
    const stock = process.events('branch').filter(({ resource }) => resource === 'stock')
    assert.deepEqual(
      stock.map(({ branch, state }) => `${branch} ${state}`),
      ['1 active', '1 preparing', '1 prepared', '1 committing', '1 ended'],
    )
  })

  test('why a transaction rolls back', async (t) => {
    const { coordinator, process } = await open(t)
    const cause = new Error('the work fails')
    await assert.rejects(coordinator.transaction(both, () => Promise.reject(cause)))
    const last = process.events('transaction').at(-1)
    assert.deepEqual([last?.state, last?.decision, last?.cause], ['aborted', 'aborted', cause])
  })

  test('that a branch went astray', async (t) => {
    const { coordinator, process, stock } = await open(t)
    stock.on.commit = async () => ({ result: 'heuristic', kind: 'hazard', detail: 'too old' })
    await assert.rejects(coordinator.transaction(both, () => 1))
    const [heuristic] = process.events('heuristic')
    assert.deepEqual(
      [heuristic?.resource, heuristic?.kind, heuristic?.detail],
      ['stock', 'hazard', 'too old'],
    )
  })

  test('what a process found unfinished in its log', async (t) => {
    const { installation, coordinator, process, stock, start } = await open(t)
    stock.on.commit = async () => ({ result: 'unknown', cause: new Error('down') })
    let id = ''
    watch(
      coordinator.transaction(both, ({ tx }) => {
        id = tx.id
      }),
    )
    await promisesSettled()
    process.crash()
    const next = await start()
    assert.deepEqual(statesOf(next, id), ['committing'])
    delete stock.on.commit
    await installation.time.advance(20_000)
    assert.deepEqual(statesOf(next, id), ['committing', 'committed'])
  })

  test('that the log was opened and closed', async (t) => {
    const { coordinator, process } = await open(t)
    await coordinator.close()
    const states = process.events('log').map(({ state, log }) => `${state} ${log}`)
    assert.deepEqual(states, ['opened memory/slot-0', 'closed memory/slot-0'])
  })
})

test('while nobody listens, nothing is published, in whatever state and through a crash', async (t) => {
  const { installation, coordinator, process, stock, start } = await open(t)
  process.life.published.length = 0
  process.life.events.enabled = false
  await coordinator.transaction(both, () => 1)
  await coordinator.transaction(['stock'], () => 1)
  await assert.rejects(coordinator.transaction(both, () => Promise.reject(new Error('x'))))
  stock.on.commit = async () => ({ result: 'heuristic', kind: 'hazard', detail: 'x' })
  const reason = await watch(coordinator.transaction(both, () => 1)).reason()
  const { id } = (reason as { fields: { id: string } }).fields
  await coordinator.forget(id, { by: 'Ada', reason: 'seen' })
  stock.prepared.set('assent.shop.0000000000000.1.1.1', [])
  await installation.time.advance(60_000)
  installation.logs.nextFailure = { error: new Error('EIO'), kept: false }
  await watch(coordinator.transaction(both, () => 1)).reason()
  assert.deepEqual(process.life.published, [])
  process.crash()
  await start()
})

test('each type of change has a diagnostics channel, and silence is known without asking each', (t) => {
  const events = diagnosticsEvents()
  assert.equal(events.enabled, false)
  const heard: unknown[] = []
  const listener = (message: unknown): void => void heard.push(message)
  const changes: readonly StateChange[] = [
    { type: 'log', state: 'opened', log: 'x', cause: undefined },
    { type: 'operator', id: 'x', act: 'forget', by: 'Ada', reason: 'seen' },
    { type: 'orphan', id: 'x', resource: 'stock', state: 'sighted', detail: '' },
    { type: 'resource', resource: 'stock', state: 'ready', detail: '' },
  ]
  const channels = changes.map(({ type }) => channel(`assent:${type}`))
  t.after(() => {
    for (const each of channels) each.unsubscribe(listener)
  })
  channels[0]?.subscribe(listener)
  assert.equal(events.enabled, true)
  for (const change of changes) events.publish(change)
  assert.deepEqual(heard, [changes[0]])
  for (const each of channels.slice(1)) each.subscribe(listener)
  for (const change of changes) events.publish(change)
  assert.deepEqual(heard.slice(1), changes)
})
