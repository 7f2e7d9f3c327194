import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Acknowledgement, OnePhaseResult } from '../../src/participants/contract.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

const both = ['orders', 'stock'] as const

async function open(t: test.TestContext, settings: object = {}) {
  const installation = new Installation(t)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const mail = new FakeDatabase('mail', { canPrepare: false })
  const process = await installation.start(
    {
      orders: orders.participant(),
      stock: stock.participant(),
      mail: mail.participant(),
    },
    settings,
  )
  const { coordinator } = process
  return { installation, time: installation.time, orders, stock, mail, process, coordinator }
}

function codeOf(reason: unknown): unknown {
  return (reason as { code?: unknown }).code
}

describe('close', () => {
  test('of an idle coordinator reports nothing, and leaves nothing behind', async (t) => {
    const { coordinator, installation, orders, stock, process, time } = await open(t)
    await coordinator.transaction(both, () => 1)
    assert.deepEqual(await coordinator.close(), { undelivered: [], held: [], clean: true })
    assert.deepEqual([orders.closed, stock.closed], [1, 1])
    assert.equal(process.log.isClosed, true)
    assert.equal(time.waiting, 0, 'no timer is left')
    assert.equal(installation.logs.slots[0]?.holder, undefined)
  })

  test('waits for what is under way, and its callers get their values', async (t) => {
    const { coordinator } = await open(t)
    const working = new Gate()
    const call = watch(
      coordinator.transaction(both, async ({ stock }) => {
        await working.pass()
        stock.write('item')
        return 'done'
      }),
    )
    const closing = watch(coordinator.close())
    assert.equal((await closing.now()).state, 'pending')
    working.open()
    assert.equal(await call.value(), 'done')
    assert.equal((await closing.value()).clean, true)
  })

  test('refuses new transactions at once, inside the work of others too', async (t) => {
    const { coordinator, orders } = await open(t)
    const working = new Gate()
    const call = watch(
      coordinator.transaction(async () => {
        await working.pass()
        const own = coordinator.transaction(() => 1, { propagation: 'requires-new' })
        await assert.rejects(own, { code: 'ASSENT_COORDINATOR_CLOSED' })
        return coordinator.transaction(() => 'part of the one that is under way')
      }),
    )
    const closing = watch(coordinator.close())
    await assert.rejects(
      coordinator.transaction(['orders'], () => 1),
      {
        code: 'ASSENT_COORDINATOR_CLOSED',
        retry: 'safe',
      },
    )
    working.open()
    assert.equal(await call.value(), 'part of the one that is under way')
    await closing.value()
    assert.equal(orders.count('begin'), 0)
  })

  test('rolls back after its time-out what is not decided, and says why', async (t) => {
    const { coordinator, time, stock } = await open(t)
    const endless = new Gate()
    const call = watch(coordinator.transaction(both, () => endless.pass()))
    const closing = watch(coordinator.close({ timeoutMs: 300 }))
    await time.advance(250)
    assert.equal((await call.now()).state, 'pending')
    await time.advance(100)
    assert.equal(codeOf(await call.reason()), 'ASSENT_COORDINATOR_CLOSED')
    assert.deepEqual(await closing.value(), { undelivered: [], held: [], clean: true })
    assert.equal(stock.count('rollback'), 1)
  })

  test('reports what is decided and not acknowledged, and its caller gets the value', async (t) => {
    const { coordinator, time, stock } = await open(t, { settleWaitMs: 60_000 })
    stock.on.commit = () => new Promise<Acknowledgement>(() => undefined)
    const call = watch(coordinator.transact(both, () => 'value'))
    await promisesSettled()
    const closing = watch(coordinator.close({ timeoutMs: 300 }))
    await time.advance(1_000)
    const report = await closing.value()
    assert.equal(report.undelivered[0]?.state, 'committing')
    assert.equal(report.undelivered[0]?.branches[1]?.resource, 'stock')
    assert.deepEqual([report.held, report.clean], [[], false])
    const { value, settled } = await call.value()
    assert.deepEqual({ value, settled }, { value: 'value', settled: false })
  })

  test('reports what is held, and does not wait for it', async (t) => {
    const { coordinator, mail } = await open(t)
    mail.on.commitOnePhase = async () => ({ result: 'unknown', cause: new Error('reset') })
    await watch(coordinator.transaction(['orders', 'mail'], () => 1)).reason()
    const report = await watch(coordinator.close()).value()
    assert.equal(report.held[0]?.state, 'held')
    assert.deepEqual([report.undelivered, report.clean], [[], false])
  })

  test('waits no longer for a transaction that becomes held meanwhile', async (t) => {
    const { coordinator, mail } = await open(t)
    const answer = new Gate<OnePhaseResult>()
    mail.on.commitOnePhase = () => answer.pass()
    const call = watch(coordinator.transaction(['orders', 'mail'], () => 1))
    await promisesSettled()
    const closing = watch(coordinator.close())
    answer.open({ result: 'unknown', cause: new Error('reset') })
    assert.equal(codeOf(await call.reason()), 'ASSENT_OUTCOME_UNKNOWN')
    assert.equal((await closing.value()).held.length, 1)
  })

  test('reports as held what still waited for its last resource when time was over', async (t) => {
    const { coordinator, time, mail } = await open(t, { deliveryTimeoutMs: 60_000 })
    mail.on.commitOnePhase = () => new Promise<OnePhaseResult>(() => undefined)
    const call = watch(coordinator.transaction(['orders', 'mail'], () => 1))
    await promisesSettled()
    assert.equal(coordinator.transactions()[0]?.state, 'committing-last')
    const closing = watch(coordinator.close({ timeoutMs: 300 }))
    await time.advance(1_000)
    const { held, undelivered, clean } = await closing.value()
    const states = held.map(({ state }) => state)
    assert.deepEqual([states, undelivered, clean], [['held'], [], false])
    assert.equal(codeOf(await call.reason()), 'ASSENT_OUTCOME_UNKNOWN')
  })

  test('tells the caller of a commit without an answer that nobody knows', async (t) => {
    const { coordinator, time, stock } = await open(t, { deliveryTimeoutMs: 60_000 })
    stock.on.commitOnePhase = () => new Promise<OnePhaseResult>(() => undefined)
    const call = watch(coordinator.transaction(['stock'], () => 1))
    await promisesSettled()
    const closing = watch(coordinator.close({ timeoutMs: 300 }))
    await time.advance(1_000)
    await closing.value()
    assert.equal(codeOf(await call.reason()), 'ASSENT_OUTCOME_UNKNOWN')
  })

  test('tells the caller of a decision that the disk never took that nobody knows', async (t) => {
    const { coordinator, time, installation } = await open(t)
    installation.logs.durability = 'when told'
    const call = watch(coordinator.transaction(both, () => 1))
    await promisesSettled()
    installation.logs.nextFailure = { error: new Error('EIO'), kept: false }
    const closing = watch(coordinator.close({ timeoutMs: 300 }))
    await time.advance(1_000)
    const report = await closing.value()
    assert.deepEqual([report.held.map(({ state }) => state), report.clean], [['in-doubt'], false])
    assert.equal(codeOf(await call.reason()), 'ASSENT_OUTCOME_UNKNOWN')
  })

  test('ends the pause of work that waits to be run again', async (t) => {
    const { coordinator } = await open(t)
    const conflict = Object.assign(new Error('conflict'), { code: '40001' })
    const call = watch(
      coordinator.transaction(() => Promise.reject(conflict), { retry: { attempts: 5 } }),
    )
    await promisesSettled()
    await watch(coordinator.close()).value()
    assert.equal(codeOf(await call.reason()), 'ASSENT_COORDINATOR_CLOSED')
  })

  test('closes the log and the participants even when their closing fails', async (t) => {
    const { coordinator, installation, process, orders } = await open(t)
    process.log.closeFailure = new Error('EIO')
    await assert.rejects(coordinator.close(), /EIO/)
    assert.equal(orders.closed, 1)
    assert.equal(installation.time.waiting, 0)
  })

  test('called again answers the same report', async (t) => {
    const { coordinator, orders } = await open(t)
    const [first, second] = [coordinator.close(), coordinator.close({ timeoutMs: 5 })]
    assert.equal(await first, await second)
    assert.equal(await coordinator.close(), await first)
    assert.equal(orders.closed, 1)
  })

  test('with a time-out that is none changes nothing', async (t) => {
    const { coordinator } = await open(t)
    await assert.rejects(coordinator.close({ timeoutMs: -1 }), { code: 'ASSENT_INVALID_OPTION' })
    assert.equal(await coordinator.transaction(['orders'], () => 'still open'), 'still open')
  })
})

describe('after a clean close, the next process', () => {
  test('finds everything as it was told', async (t) => {
    const { installation, orders, stock, coordinator } = await open(t)
    const { id = '' } = await coordinator.transact(both, () => 1)
    await coordinator.close()
    const next = await installation.start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    assert.equal(next.log.closedCleanly, true)
    assert.equal(await next.coordinator.outcome(id), 'committed')
    assert.deepEqual(next.coordinator.inDoubt(), [])
  })

  test('is told that a process crashed before it, until that was looked into', async (t) => {
    const { installation, orders, process } = await open(t)
    process.crash()
    const next = await installation.start({ orders: orders.participant() })
    assert.equal(next.log.closedCleanly, false)
    const report = await watch(next.coordinator.close()).value()
    assert.equal(report.clean, false, 'a late PREPARE may still land')
    const third = await installation.start({ orders: orders.participant() })
    await installation.time.advance(60_000)
    assert.equal((await watch(third.coordinator.close()).value()).clean, true)
  })

  test('need not look at a resource that can not prepare to know that nothing is left', async (t) => {
    const { installation, orders, process } = await open(t)
    process.crash()
    const mail = new FakeDatabase('mail', { canPrepare: false, canList: false })
    const next = await installation.start({
      orders: orders.participant(),
      mail: mail.participant(),
    })
    await installation.time.advance(60_000)
    assert.equal((await watch(next.coordinator.close()).value()).clean, true)
  })
})
