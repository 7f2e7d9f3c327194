import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Acknowledgement } from '../../src/participants/contract.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

const settings = { sweepIntervalMs: 1_000, orphanIntervalMs: 400, deliveryTimeoutMs: 500 }
const both = ['orders', 'stock'] as const

async function open(t: test.TestContext, name = 'shop') {
  const installation = new Installation(t, name)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const start = () =>
    installation.start({ orders: orders.participant(), stock: stock.participant() }, settings)
  const process = await start()
  return { installation, time: installation.time, orders, stock, start, process }
}

type Opened = Awaited<ReturnType<typeof open>>

/** Lets the process die while its branches are prepared and nothing is recorded. */
async function diesBeforeDecision({ installation, process, stock }: Opened): Promise<string> {
  installation.logs.durability = 'when told'
  let id = ''
  watch(
    process.coordinator.transaction(both, ({ tx }) => {
      id = tx.id
    }),
  )
  await promisesSettled()
  assert.equal(stock.prepared.size, 1)
  process.crash()
  installation.logs.durability = 'at once'
  return id
}

describe('a prepared branch of ours that no transaction answers for', () => {
  test('is sighted, and rolled back when it is still there an interval later', async (t) => {
    const shop = await open(t)
    const id = await diesBeforeDecision(shop)
    const next = await shop.start()
    const [sighting] = next.coordinator.orphans()
    assert.deepEqual(sighting, {
      id: `assent.${id}.0`,
      resource: 'orders',
      preparedAtMs: 1,
      ours: true,
      decision: 'aborted',
      detail: 'no live transaction answers for it',
    })
    await shop.time.advance(settings.orphanIntervalMs - 10)
    assert.equal(shop.stock.count('rollback'), 0, 'one sighting is not enough')
    await shop.time.advance(settings.orphanIntervalMs)
    assert.equal(shop.orders.prepared.size + shop.stock.prepared.size, 0)
    const states = next.events('orphan').map(({ resource, state }) => `${resource} ${state}`)
    assert.deepEqual(states.sort(), [
      'orders finished',
      'orders sighted',
      'stock finished',
      'stock sighted',
    ])
    await shop.time.advance(settings.sweepIntervalMs)
    assert.deepEqual(next.coordinator.orphans(), [])
  })

  test('is found also when it lands long after recovery has looked', async (t) => {
    const { time, stock, process, start } = await open(t)
    process.crash()
    const { coordinator } = await start()
    await time.advance(100_000)
    assert.deepEqual(coordinator.orphans(), [])
    stock.prepared.set('assent.shop.0000000000000.1.1.1', [])
    await time.advance(settings.sweepIntervalMs + settings.orphanIntervalMs + 20)
    assert.equal(stock.prepared.size, 0)
  })

  test('is committed when the log says so: it landed late, and was not lost', async (t) => {
    const { time, stock, process, start } = await open(t)
    const { id } = await process.coordinator.transact(both, () => 1)
    stock.prepared.set(`assent.${id}.1`, ['late'])
    process.crash()
    const { coordinator } = await start()
    await time.advance(settings.sweepIntervalMs + settings.orphanIntervalMs + 20)
    assert.deepEqual(stock.rows, ['late'])
    assert.deepEqual(coordinator.inDoubt(), [])
  })

  test('is recorded and listed when the resource ended it against the decision', async (t) => {
    const shop = await open(t)
    const id = await diesBeforeDecision(shop)
    shop.stock.on.rollback = async () => {
      shop.stock.prepared.clear()
      return { result: 'heuristic', kind: 'committed', detail: 'somebody committed it by hand' }
    }
    const next = await shop.start()
    await shop.time.advance(settings.sweepIntervalMs + settings.orphanIntervalMs + 20)
    assert.equal(await next.coordinator.outcome(id), 'mixed')
    const [listed] = next.coordinator.inDoubt()
    assert.equal(listed?.id, id)
    assert.deepEqual(listed?.heuristics, [
      { resource: 'stock', kind: 'committed', detail: 'somebody committed it by hand' },
    ])
    assert.equal(next.events('heuristic').length, 1)
    await next.coordinator.forget(id, { by: 'ada', reason: 'repaired by hand' })
    assert.deepEqual(next.coordinator.inDoubt(), [])
  })

  test('is asked again, sweep after sweep, while the resource does not confirm', async (t) => {
    const shop = await open(t)
    await diesBeforeDecision(shop)
    shop.stock.on.rollback = async () => ({ result: 'unknown', cause: new Error('busy') })
    const { coordinator } = await shop.start()
    await shop.time.advance(5_000)
    assert.ok(shop.stock.count('rollback') > 2)
    assert.match(coordinator.orphans()[0]?.detail ?? '', /busy|no live transaction/)
    delete shop.stock.on.rollback
    await shop.time.advance(1_000)
    assert.equal(shop.stock.prepared.size, 0)
  })

  test('is asked again when an attempt hangs, and holds up no other', async (t) => {
    const shop = await open(t)
    await diesBeforeDecision(shop)
    const hangs = new Gate<Acknowledgement>()
    shop.stock.on.rollback = () => hangs.pass()
    for (let count = 0; count < 40; count += 1) {
      shop.stock.prepared.set(`assent.shop.0000000000000.1.1.${count + 2}`.slice(0, 64), [])
    }
    await shop.start()
    await shop.time.advance(2_000)
    const asked = new Set(shop.stock.calls.filter((call) => call.startsWith('rollback')))
    assert.ok(asked.size > 16, `${asked.size} of ${shop.stock.prepared.size} were asked`)
    delete shop.stock.on.rollback
    await shop.time.advance(10_000)
    assert.equal(shop.stock.prepared.size, 0)
  })
})

describe('a prepared branch is left alone', () => {
  test('while its transaction lives, however long that takes', async (t) => {
    const { time, orders, stock, process } = await open(t)
    stock.on.prepare = () => new Promise(() => undefined)
    const call = watch(process.coordinator.transaction(both, () => 1, { timeoutMs: 60_000 }))
    await time.advance(30_000)
    assert.equal(orders.prepared.size, 1)
    assert.deepEqual(process.coordinator.orphans(), [])
    assert.equal((await call.now()).state, 'pending')
  })

  const strangers: Readonly<Record<string, string>> = {
    'another installation, though its name begins like ours': 'assent.shop-eu.0000000000000.1.1.0',
    'another log of an installation of our name': 'assent.shop.7k2m9q4w8x1zc.1.1.0',
  }
  for (const [whose, id] of Object.entries(strangers)) {
    test(`when it is of ${whose}: listed, never touched`, async (t) => {
      const { time, stock, process } = await open(t)
      stock.prepared.set(id, [])
      await time.advance(30_000)
      const [sighting] = process.coordinator.orphans()
      assert.deepEqual(
        { id: sighting?.id, ours: sighting?.ours, decision: sighting?.decision },
        { id, ours: false, decision: undefined },
      )
      assert.equal(stock.count('recover'), 0)
      assert.equal(process.events('orphan').length, 0)
    })
  }

  test('when it is of another program: not even listed', async (t) => {
    const { time, stock, process } = await open(t)
    stock.prepared.set('131075_MDg5NjA1_cm5kMTIz', [])
    stock.prepared.set('assent.shop.0000000000000.1.1', [])
    await time.advance(30_000)
    assert.deepEqual(process.coordinator.orphans(), [])
    assert.equal(stock.count('recover'), 0)
  })

  test('when our log has not issued it yet: the log was put back from a copy', async (t) => {
    const { time, stock, process } = await open(t)
    stock.prepared.set('assent.shop.0000000000000.7.1.0', [])
    await time.advance(30_000)
    const [sighting] = process.coordinator.orphans()
    assert.equal(sighting?.ours, true)
    assert.equal(sighting?.decision, undefined)
    assert.match(sighting?.detail ?? '', /put back from a copy/)
    assert.equal(stock.count('recover'), 0)
  })

  test('when it vanished before the second sighting', async (t) => {
    const shop = await open(t)
    await diesBeforeDecision(shop)
    await shop.start()
    shop.stock.prepared.clear()
    await shop.time.advance(5_000)
    assert.equal(shop.stock.count('rollback'), 0)
  })
})

describe('a stranger’s branch', () => {
  const id = 'assent.shop-eu.7k2m9q4w8x1zc.1.1.0'
  const signature = { by: 'Ada', reason: 'that installation was dissolved' }

  for (const decision of ['committed', 'aborted'] as const) {
    test(`is settled as ${decision} by an operator, signed and recorded first`, async (t) => {
      const { installation, time, stock, process } = await open(t)
      stock.prepared.set(id, ['row'])
      await time.advance(settings.sweepIntervalMs + 20)
      await process.coordinator.resolve(id, decision, signature)
      assert.deepEqual(stock.rows, decision === 'committed' ? ['row'] : [])
      assert.equal(stock.prepared.size, 0)
      const act = installation.logs.durableRecords().at(-1)
      assert.ok(act?.type === 'stranger-resolved')
      assert.deepEqual([act.id, act.decision, act.by], [id, decision, 'Ada'])
      assert.equal(process.events('operator').length, 1)
    })
  }

  test('stays listed when the resource does not confirm, and the operator is told', async (t) => {
    const { time, stock, process } = await open(t)
    stock.prepared.set(id, [])
    stock.on.rollback = async () => ({ result: 'unknown', cause: new Error('busy') })
    await time.advance(settings.sweepIntervalMs + 20)
    await assert.rejects(process.coordinator.resolve(id, 'aborted', signature), {
      code: 'ASSENT_OUTCOME_UNKNOWN',
      effect: 'unknown',
    })
    assert.equal(process.coordinator.orphans().length, 1)
  })

  test('can not be settled before it was seen, nor one of ours that is being finished', async (t) => {
    const shop = await open(t)
    const { coordinator } = shop.process
    await assert.rejects(coordinator.resolve(id, 'aborted', signature), {
      code: 'ASSENT_UNKNOWN_TRANSACTION',
    })
    const ours = await diesBeforeDecision(shop)
    const next = await shop.start()
    await assert.rejects(next.coordinator.resolve(`assent.${ours}.0`, 'committed', signature), {
      code: 'ASSENT_NOT_RESOLVABLE',
    })
  })
})

describe('a resource that', () => {
  test('can not be listed at the moment is looked at again', async (t) => {
    const { time, stock } = await open(t)
    stock.on.listPrepared = () => Promise.reject(new Error('starting up'))
    await time.advance(5_000)
    delete stock.on.listPrepared
    stock.prepared.set('assent.shop-eu.7k2m9q4w8x1zc.1.1.0', [])
    const looks = stock.count('list')
    await time.advance(3_000)
    assert.ok(stock.count('list') > looks)
  })

  test('never answers a look is looked at again, and a late answer is not believed', async (t) => {
    const shop = await open(t)
    await diesBeforeDecision(shop)
    const late = new Gate<readonly { id: string; preparedAtMs: undefined }[]>()
    shop.stock.on.listPrepared = () => late.pass()
    const { coordinator } = await shop.start()
    delete shop.stock.on.listPrepared
    await shop.time.advance(settings.sweepIntervalMs + settings.deliveryTimeoutMs + 20)
    const before = coordinator.orphans().length
    late.open([{ id: 'assent.shop-eu.7k2m9q4w8x1zc.1.1.0', preparedAtMs: undefined }])
    await promisesSettled()
    assert.equal(coordinator.orphans().length, before)
    await shop.time.advance(3_000)
    assert.equal(shop.stock.prepared.size, 0)
  })

  test('lists nothing is never asked to, and everything else goes on', async (t) => {
    const installation = new Installation(t)
    const stock = new FakeDatabase('stock', { canList: false })
    const { coordinator } = await installation.start({ stock: stock.participant() }, settings)
    await installation.time.advance(10_000)
    assert.equal(stock.count('list'), 0)
    assert.deepEqual(coordinator.orphans(), [])
  })
})

test('after close nothing is looked at and nothing is finished any more', async (t) => {
  const shop = await open(t)
  await diesBeforeDecision(shop)
  const hangs = new Gate<Acknowledgement>()
  shop.stock.on.rollback = () => hangs.pass()
  for (let count = 2; count < 34; count += 1) {
    shop.stock.prepared.set(`assent.shop.0000000000000.1.1.${count.toString(36)}`, [])
  }
  const { coordinator } = await shop.start()
  await shop.time.advance(settings.orphanIntervalMs + 50)
  const asked = shop.stock.count('rollback')
  assert.equal(asked, 16, 'so many at a time')
  await coordinator.close()
  hangs.open({ result: 'done' })
  await shop.time.advance(60_000)
  assert.equal(shop.stock.count('rollback'), asked)
})
