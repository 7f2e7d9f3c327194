import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Acknowledgement } from '../../src/participants/contract.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

const settings = {
  adoptIntervalMs: 500,
  sweepIntervalMs: 1_000,
  orphanIntervalMs: 400,
  settleWaitMs: 20,
}
const both = ['orders', 'stock'] as const

/** Two processes of one installation, each with a log of its own. */
async function open(t: test.TestContext) {
  const installation = new Installation(t)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const start = () =>
    installation.start({ orders: orders.participant(), stock: stock.participant() }, settings)
  const [victim, sibling] = [await start(), await start()]
  assert.equal(installation.logs.slots.length, 2)
  return { installation, time: installation.time, orders, stock, start, victim, sibling }
}

describe('when a process dies, its sibling', () => {
  test('adopts its log and delivers what it had decided', async (t) => {
    const { time, orders, stock, victim, sibling } = await open(t)
    const never = new Gate<Acknowledgement>()
    stock.on.commit = () => never.pass()
    const call = watch(
      victim.coordinator.transact(both, (clients) => {
        clients.orders.write('order')
        clients.stock.write('item')
      }),
    )
    await time.advance(50)
    const { id = '' } = await call.value()
    victim.crash()
    delete stock.on.commit
    await time.advance(settings.adoptIntervalMs + 50)
    assert.deepEqual([orders.rows, stock.rows], [['order'], ['item']])
    assert.equal(await sibling.coordinator.outcome(id), 'committed')
    const states = sibling.events('log').map(({ state }) => state)
    assert.deepEqual(states.slice(0, 2), ['opened', 'adopted'])
  })

  test('rolls back what it had prepared without a decision', async (t) => {
    const { installation, time, stock, victim, sibling } = await open(t)
    installation.logs.durability = 'when told'
    watch(victim.coordinator.transaction(both, () => 1))
    await promisesSettled()
    victim.crash()
    installation.logs.durability = 'at once'
    const seen = sibling.coordinator.orphans()
    assert.ok(seen.every(({ ours }) => !ours))
    await time.advance(4_000)
    assert.equal(stock.prepared.size, 0)
  })

  test('touches nothing of it before it holds its log', async (t) => {
    const { installation, time, stock, victim, sibling } = await open(t)
    installation.logs.durability = 'when told'
    watch(victim.coordinator.transaction(both, () => 1, { timeoutMs: 60_000 }))
    await promisesSettled()
    await time.advance(20_000) // the victim lives, and hangs on its disk
    assert.equal(stock.prepared.size, 1)
    assert.equal(stock.count('rollback'), 0)
    assert.deepEqual(sibling.coordinator.orphans(), [], 'no orphan: a live process has it')
    const id = [...stock.prepared.keys()][0] ?? ''
    const act = { by: 'Ada', reason: 'it looks forgotten' }
    await assert.rejects(sibling.coordinator.resolve(id, 'aborted', act), {
      code: 'ASSENT_NOT_RESOLVABLE',
    })
    assert.equal(stock.count('rollback'), 0)
  })

  test('gives the log up, clean, when nothing of it can be left anywhere', async (t) => {
    const { installation, time, victim, sibling } = await open(t)
    await victim.coordinator.transaction(both, () => 1)
    victim.crash()
    await time.advance(settings.adoptIntervalMs + 50)
    assert.equal(sibling.coordinator.logs.length, 2)
    await time.advance(10_000)
    assert.equal(sibling.coordinator.logs.length, 2, 'a batch of the dead may wait for a lock yet')
    await time.advance(30_000)
    assert.deepEqual(sibling.coordinator.logs, ['memory/slot-1'])
    assert.deepEqual(installation.logs.slots[0]?.durable.at(-1), {
      type: 'closed',
      clean: true,
      wallMs: 0,
    })
    await time.advance(10_000)
    assert.equal(sibling.life.logs.length, 2, 'and nobody adopts it again')
  })

  test('keeps the log while something of it waits, and says so', async (t) => {
    const { time, stock, victim, sibling } = await open(t)
    stock.on.commit = async () => ({ result: 'unknown', cause: new Error('down') })
    watch(victim.coordinator.transaction(both, () => 1))
    await promisesSettled()
    victim.crash()
    await time.advance(60_000)
    assert.equal(sibling.coordinator.logs.length, 2)
    assert.equal(sibling.coordinator.inDoubt()[0]?.log, 'memory/slot-0')
  })

  test('shows a heuristic of it that nobody has seen yet, until somebody has', async (t) => {
    const { time, stock, victim, sibling } = await open(t)
    stock.on.commit = async (branch) => {
      stock.prepared.delete(branch)
      return { result: 'heuristic', kind: 'hazard', detail: 'x' }
    }
    const reason = await watch(victim.coordinator.transaction(both, () => 1)).reason()
    const { id } = (reason as { fields: { id: string } }).fields
    victim.crash()
    delete stock.on.commit
    await time.advance(60_000)
    assert.equal(sibling.coordinator.inDoubt()[0]?.id, id)
    await sibling.coordinator.forget(id, { by: 'Ada', reason: 'checked by hand' })
    await time.advance(10_000)
    assert.deepEqual(sibling.coordinator.inDoubt(), [])
    assert.equal(sibling.coordinator.logs.length, 1)
  })

  test('adopts the log also of one that closed with something left', async (t) => {
    const { time, stock, victim, sibling } = await open(t)
    stock.on.commit = async () => ({ result: 'unknown', cause: new Error('down') })
    watch(victim.coordinator.transaction(both, ({ stock: client }) => client.write('item')))
    await time.advance(50)
    const closing = watch(victim.coordinator.close({ timeoutMs: 100 }))
    await time.advance(500)
    const report = await closing.value()
    assert.equal(report.clean, false)
    assert.equal(report.undelivered.length, 1)
    delete stock.on.commit
    await time.advance(20_000)
    assert.deepEqual(stock.rows, ['item'])
    assert.deepEqual(sibling.coordinator.inDoubt(), [])
  })

  test('goes on looking when a look fails, and publishes why', async (t) => {
    const { installation, time, victim, sibling } = await open(t)
    const cause = new Error('ENOLCK')
    installation.logs.adoptFailure = cause
    victim.crash()
    await time.advance(2_000)
    installation.logs.adoptFailure = undefined
    await time.advance(1_000)
    const log = sibling.events('log')
    assert.equal(log.find(({ state }) => state === 'failed')?.cause, cause)
    assert.ok(log.some(({ state }) => state === 'adopted'))
  })
})
