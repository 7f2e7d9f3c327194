import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { isAssentError } from '../../src/core/errors.ts'
import { idLimits } from '../../src/core/ids.ts'
import type { Acknowledgement } from '../../src/participants/contract.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

describe('with as many active transactions as maxActive allows', () => {
  test('the next is refused, and one that ends makes room', async (t) => {
    const stock = new FakeDatabase('stock')
    const { coordinator } = await new Installation(t).start(
      { stock: stock.participant() },
      { maxActive: 2 },
    )
    const gates = [new Gate(), new Gate()]
    const calls = gates.map((gate) => watch(coordinator.transaction(() => gate.pass())))
    await promisesSettled()
    await assert.rejects(
      coordinator.transaction(() => assert.fail('ran')),
      {
        code: 'ASSENT_OVERLOADED',
        retry: 'safe',
        fields: { maxActive: 2 },
      },
    )
    gates[0]?.open()
    await calls[0]?.value()
    assert.equal(await coordinator.transaction(() => 'there is room'), 'there is room')
    gates[1]?.fail(new Error('x'))
    await calls[1]?.reason()
    const both = [1, 2].map(() => coordinator.transaction(() => promisesSettled()))
    await Promise.all(both)
  })

  test('what is decided and not yet acknowledged takes no room', async (t) => {
    const [orders, stock] = [new FakeDatabase('orders'), new FakeDatabase('stock')]
    stock.on.commit = () => new Promise(() => undefined)
    const installation = new Installation(t)
    const { coordinator } = await installation.start(
      { orders: orders.participant(), stock: stock.participant() },
      { maxActive: 1, settleWaitMs: 100 },
    )
    for (const attempt of ['first', 'second', 'third']) {
      const call = watch(coordinator.transaction(['orders', 'stock'], () => attempt))
      await installation.time.advance(150)
      assert.equal(await call.value(), attempt)
    }
    assert.equal(coordinator.transactions().length, 3)
  })

  test('a transaction that is held or in doubt takes no room for ever', async (t) => {
    const [orders, stock] = [new FakeDatabase('orders'), new FakeDatabase('stock')]
    const mail = new FakeDatabase('mail', { canPrepare: false })
    mail.on.commitOnePhase = async () => ({ result: 'unknown', cause: new Error('reset') })
    const { coordinator } = await new Installation(t).start(
      {
        orders: orders.participant(),
        stock: stock.participant(),
        mail: mail.participant(),
      },
      { maxActive: 1 },
    )
    for (let round = 0; round < 2; round += 1) {
      const held = coordinator.transaction(['orders', 'stock', 'mail'], () => 1)
      await assert.rejects(held, { code: 'ASSENT_OUTCOME_UNKNOWN' })
    }
    assert.equal(coordinator.transactions().length, 2)
  })
})

describe('a transaction takes', () => {
  test('one resource that can not prepare, and names both when a second comes', async (t) => {
    const [mail, queue] = ['mail', 'queue'].map(
      (name) => new FakeDatabase(name, { canPrepare: false }),
    ) as [FakeDatabase, FakeDatabase]
    const { coordinator } = await new Installation(t).start({
      mail: mail.participant(),
      queue: queue.participant(),
    })
    await assert.rejects(
      coordinator.transaction(['mail', 'queue'], () => 1),
      (error) => {
        assert.ok(isAssentError(error, 'ASSENT_SECOND_LAST_RESOURCE'))
        assert.deepEqual(error.fields.resources, ['mail', 'queue'])
        return true
      },
    )
    assert.deepEqual([mail.count('rollback'), queue.count('begin')], [1, 0])
  })

  test('as many branches as their ids have room for, and no more', async (t) => {
    const names = Array.from({ length: idLimits.branch + 2 }, (_, index) => `r${index}`)
    const database = new FakeDatabase('many', { poolSize: 2_000 })
    const { coordinator } = await new Installation(t).start(
      Object.fromEntries(names.map((name) => [name, database.participant()])),
    )
    const call = coordinator.transaction(async (tx) => {
      for (const name of names) await tx.join(name)
    })
    await assert.rejects(call, { code: 'ASSENT_INVALID_OPTION', message: /at most 1296 branches/ })
    assert.equal(database.count('begin'), idLimits.branch + 1)
    assert.equal(database.pool.taken, 0)
  })
})

describe('prepared slots of a resource', () => {
  async function open(t: test.TestContext, preparedLimit: number) {
    const orders = new FakeDatabase('orders', { preparedLimit })
    const stock = new FakeDatabase('stock')
    const mail = new FakeDatabase('mail')
    const installation = new Installation(t)
    const { coordinator } = await installation.start(
      {
        orders: orders.participant(),
        stock: stock.participant(),
        mail: mail.participant(),
      },
      { deliveryTimeoutMs: 100_000 },
    )
    return { installation, coordinator, orders, stock, mail }
  }

  test('are never exceeded, however many transactions commit at once', async (t) => {
    const { coordinator, orders } = await open(t, 3)
    let most = 0
    orders.on.prepare = async (id) => {
      orders.prepared.set(id, [])
      most = Math.max(most, orders.prepared.size)
      return { vote: 'yes', evidence: undefined }
    }
    const calls = Array.from({ length: 40 }, (_, index) =>
      coordinator.transaction(['orders', 'stock'], () => index),
    )
    assert.deepEqual(await Promise.all(calls), [...calls.keys()])
    assert.equal(most, 3)
  })

  test('that are all taken delay nobody who does not need them', async (t) => {
    const { coordinator, orders } = await open(t, 1)
    const slow = new Gate<Acknowledgement>()
    orders.on.commit = () => slow.pass()
    const first = watch(coordinator.transaction(['orders', 'stock'], () => 1))
    await promisesSettled()
    const waiting = watch(coordinator.transaction(['orders', 'stock'], () => 2))
    await promisesSettled()
    assert.equal(await coordinator.transaction(['stock', 'mail'], () => 3), 3)
    assert.equal(await coordinator.transaction(['orders'], () => 4), 4, 'one-phase needs none')
    assert.equal((await waiting.now()).state, 'pending')
    slow.open({ result: 'done' })
    assert.deepEqual([await first.value(), await waiting.value()], [1, 2])
  })

  test('are taken of all resources at once, so that two transactions never wait for each other', async (t) => {
    const installation = new Installation(t)
    const orders = new FakeDatabase('orders', { preparedLimit: 1 })
    const stock = new FakeDatabase('stock', { preparedLimit: 1 })
    const { coordinator } = await installation.start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const calls = Array.from({ length: 20 }, (_, index) =>
      coordinator.transaction(index % 2 === 0 ? ['orders', 'stock'] : ['stock', 'orders'], () => 1),
    )
    assert.equal((await Promise.all(calls)).length, 20)
  })

  const ends: Readonly<Record<string, (orders: FakeDatabase) => void>> = {
    'a branch that votes no': (orders) => {
      orders.on.prepare = async () => ({ vote: 'no', cause: new Error('no') })
    },
    'a branch whose vote is lost': (orders) => {
      orders.on.prepare = () => Promise.reject(new Error('reset'))
    },
    'a branch that only read': (orders) => {
      orders.on.prepare = async () => ({ vote: 'read-only', ended: false })
    },
    'a branch that ended against the decision': (orders) => {
      orders.on.commit = async () => ({ result: 'heuristic', kind: 'hazard', detail: 'x' })
    },
  }
  for (const [name, make] of Object.entries(ends)) {
    test(`are given back by ${name}`, async (t) => {
      const { coordinator, orders } = await open(t, 1)
      make(orders)
      for (let round = 0; round < 3; round += 1) {
        await coordinator.transaction(['orders', 'stock'], () => 1).catch(() => undefined)
        await promisesSettled()
      }
      assert.equal(orders.count('prepare'), 3)
    })
  }

  test('are those of the coordinator where the resource sets no limit', async (t) => {
    const installation = new Installation(t)
    const [orders, stock] = [new FakeDatabase('orders'), new FakeDatabase('stock')]
    const slow = new Gate<Acknowledgement>()
    orders.on.commit = () => slow.pass()
    const { coordinator } = await installation.start(
      { orders: orders.participant(), stock: stock.participant() },
      { maxPrepared: 2 },
    )
    const calls = [1, 2, 3].map((value) =>
      watch(coordinator.transaction(['orders', 'stock'], () => value)),
    )
    await promisesSettled()
    assert.equal(orders.count('prepare'), 2)
    slow.open({ result: 'done' })
    for (const call of calls) await call.value()
  })
})
