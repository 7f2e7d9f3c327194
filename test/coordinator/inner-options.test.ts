import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

async function open(t: test.TestContext) {
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const installation = new Installation(t)
  const { coordinator } = await installation.start({
    orders: orders.participant(),
    stock: stock.participant(),
  })
  return { coordinator, installation }
}

describe('the options of a call that takes part in a transaction', () => {
  test('hold for the branches that begin with it', async (t) => {
    const { coordinator } = await open(t)
    const given = await coordinator.transaction(['orders'], () =>
      coordinator.transaction(['stock'], ({ stock }) => stock.options, {
        isolation: { stock: 'serializable' },
        readOnly: ['stock'],
        timeoutMs: 5,
      }),
    )
    assert.equal(given.isolation, 'serializable')
    assert.equal(given.readOnly, true)
    assert.ok(given.timeLeftMs > 5, 'the time is that of the transaction around it')
  })

  test('are refused where the branch has begun otherwise, and the whole rolls back', async (t) => {
    const { coordinator } = await open(t)
    const late = coordinator.transaction(['stock'], () =>
      coordinator.transaction(['stock'], () => 1, { isolation: { stock: 'serializable' } }),
    )
    await assert.rejects(late, { code: 'ASSENT_INVALID_OPTION', fields: { option: 'isolation' } })
  })

  test('may ask again for what the branch has', async (t) => {
    const { coordinator } = await open(t)
    const isolation = { stock: 'serializable' }
    const again = coordinator.transaction(
      ['stock'],
      () => coordinator.transaction(['stock'], () => 7, { isolation }),
      { isolation },
    )
    assert.equal(await again, 7)
  })

  test('need the resources named to say how their branches begin', async (t) => {
    const { coordinator } = await open(t)
    const unnamed = coordinator.transaction(() =>
      coordinator.transaction(() => 1, { isolation: { stock: 'serializable' } }),
    )
    await assert.rejects(unnamed, { code: 'ASSENT_INVALID_OPTION' })
  })

  test('cancel the whole transaction by their signal', async (t) => {
    const { coordinator } = await open(t)
    const controller = new AbortController()
    const never = new Gate()
    const call = watch(
      coordinator.transaction(['orders'], () =>
        coordinator.transaction(['stock'], () => never.pass(), { signal: controller.signal }),
      ),
    )
    await promisesSettled()
    controller.abort(new Error('enough'))
    await promisesSettled()
    assert.equal(((await call.reason()) as { code?: string }).code, 'ASSENT_CANCELLED')
  })

  test('run nothing when their signal has fired already', async (t) => {
    const { coordinator } = await open(t)
    const fired = coordinator.transaction(['orders'], () =>
      coordinator.transaction(['stock'], () => assert.fail('ran'), { signal: AbortSignal.abort() }),
    )
    await assert.rejects(fired, { code: 'ASSENT_CANCELLED' })
  })
})

test('a decision that is being delivered for the first time waits for nobody', async (t) => {
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const installation = new Installation(t)
  const { coordinator } = await installation.start({
    orders: orders.participant(),
    stock: stock.participant(),
  })
  const slow = new Gate<{ readonly result: 'done' }>()
  stock.on.commit = () => slow.pass()
  const call = watch(coordinator.transaction(['orders', 'stock'], () => 1))
  await promisesSettled()
  assert.equal(coordinator.transactions()[0]?.state, 'committing')
  assert.deepEqual(coordinator.inDoubt(), [])
  slow.open({ result: 'done' })
  await promisesSettled()
  assert.equal(await call.value(), 1)
})
