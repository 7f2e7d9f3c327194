import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { isAssentError } from '../../src/core/errors.ts'
import type { Acknowledgement, OnePhaseResult, Vote } from '../../src/participants/contract.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { watch } from './doubles/watched.ts'

const timeoutMs = 500

interface Shop {
  readonly installation: Installation
  readonly orders: FakeDatabase
  readonly stock: FakeDatabase
}

function shop(t: test.TestContext, options: { readonly preparedLimit?: number } = {}): Shop {
  return {
    installation: new Installation(t),
    orders: new FakeDatabase('orders', options),
    stock: new FakeDatabase('stock'),
  }
}

function participants({ orders, stock }: Shop) {
  return { orders: orders.participant(), stock: stock.participant() }
}

function assertTimedOut(reason: unknown, phase: string): void {
  assert.ok(isAssentError(reason, 'ASSENT_TIMED_OUT'), String(reason))
  assert.equal(reason.fields.phase, phase)
  assert.equal(reason.fields.timeoutMs, timeoutMs)
  assert.deepEqual([reason.effect, reason.retry], ['none', 'safe'])
}

describe('a time-out that passes', () => {
  test('while the work runs rolls back, tells the caller at once and the work by tx.signal', async (t) => {
    const world = shop(t)
    const { coordinator } = await world.installation.start(participants(world))
    let signal: AbortSignal | undefined
    const endless = new Gate()
    const call = watch(
      coordinator.transaction(
        ['orders', 'stock'],
        ({ tx }) => {
          signal = tx.signal
          return endless.pass()
        },
        { timeoutMs },
      ),
    )
    await world.installation.time.advance(timeoutMs - 20)
    assert.equal((await call.now()).state, 'pending')
    assert.equal(signal?.aborted, false)
    await world.installation.time.advance(60)
    assertTimedOut(await call.reason(), 'active')
    assert.equal(signal?.aborted, true)
    assert.equal(signal?.reason, await call.reason())
    assert.equal(world.orders.count('rollback'), 1)
    assert.equal(coordinator.transactions().length, 0)
  })

  test('while a connection is awaited rolls back what had begun, and the late one too', async (t) => {
    const world = shop(t)
    const slow = new Gate()
    world.stock.on.begin = () => slow.pass()
    const { coordinator } = await world.installation.start(participants(world))
    const call = watch(
      coordinator.transaction(['orders', 'stock'], () => assert.fail('ran'), { timeoutMs }),
    )
    await world.installation.time.advance(timeoutMs + 40)
    assertTimedOut(await call.reason(), 'active')
    assert.equal(world.orders.count('rollback'), 1)
    assert.equal(world.stock.count('rollback'), 0)
    assert.equal(coordinator.transactions().length, 1, 'a branch is still joining')
    slow.open()
    await world.installation.time.advance(0)
    assert.equal(world.stock.count('rollback'), 1)
    assert.equal(coordinator.transactions().length, 0)
    assert.equal(world.orders.pool.taken + world.stock.pool.taken, 0)
  })

  test('while prepared slots are awaited rolls back, and frees the place in the queue', async (t) => {
    const world = shop(t, { preparedLimit: 1 })
    const slow = new Gate<Acknowledgement>()
    const { coordinator } = await world.installation.start(participants(world), {
      deliveryTimeoutMs: 60_000,
    })
    const run = (): Promise<number> =>
      coordinator.transaction(['orders', 'stock'], () => 1, { timeoutMs, settleWaitMs: 10 })
    world.orders.on.commit = () => slow.pass()
    const first = watch(run())
    await world.installation.time.advance(40)
    await first.value()
    const second = watch(run())
    await world.installation.time.advance(timeoutMs + 40)
    assertTimedOut(await second.reason(), 'active')
    delete world.orders.on.commit
    slow.open({ result: 'done' })
    assert.equal(await watch(run()).value(), 1)
    assert.equal(world.orders.count('prepare'), 2, 'the second was never asked for its vote')
  })

  test('while votes come in rolls back every branch, whatever it would have voted', async (t) => {
    const world = shop(t)
    const vote = new Gate<Vote>()
    world.stock.on.prepare = () => vote.pass()
    const { coordinator } = await world.installation.start(participants(world))
    const call = watch(coordinator.transaction(['orders', 'stock'], () => 1, { timeoutMs }))
    await world.installation.time.advance(timeoutMs + 40)
    assertTimedOut(await call.reason(), 'preparing')
    assert.deepEqual([world.orders.count('rollback'), world.stock.count('rollback')], [1, 1])
    vote.open({ vote: 'yes', evidence: undefined })
    await world.installation.time.advance(0)
    assert.equal(world.stock.count('commit'), 0)
  })

  test('while the mark of one-phase commits is forced rolls back, and the late mark is ignored', async (t) => {
    const world = shop(t)
    const { coordinator, log } = await world.installation.start(participants(world))
    world.installation.logs.durability = 'when told'
    const call = watch(coordinator.transaction(['stock'], () => 1, { timeoutMs }))
    await world.installation.time.advance(timeoutMs + 40)
    assertTimedOut(await call.reason(), 'recording-one-phase')
    log.writeOut()
    await world.installation.time.advance(0)
    assert.equal(world.stock.count('commit-one-phase'), 0)
    assert.equal(coordinator.transactions().length, 0)
  })
})

describe('a time-out changes nothing any more', () => {
  test('while the decision is being forced: the disk decides', async (t) => {
    const world = shop(t)
    const { coordinator, log } = await world.installation.start(participants(world))
    world.installation.logs.durability = 'when told'
    const call = watch(coordinator.transaction(['orders', 'stock'], () => 1, { timeoutMs }))
    await world.installation.time.advance(timeoutMs * 3)
    assert.equal((await call.now()).state, 'pending')
    assert.equal(world.orders.count('rollback'), 0)
    log.writeOut()
    assert.equal(await call.value(), 1)
  })

  test('while the decision is being delivered', async (t) => {
    const world = shop(t)
    const slow = new Gate<Acknowledgement>()
    world.stock.on.commit = () => slow.pass()
    const { coordinator } = await world.installation.start(participants(world))
    const call = watch(
      coordinator.transaction(['orders', 'stock'], () => 1, { timeoutMs, settleWaitMs: 2_000 }),
    )
    await world.installation.time.advance(timeoutMs * 2)
    assert.equal((await call.now()).state, 'pending')
    slow.open({ result: 'done' })
    assert.equal(await call.value(), 1)
    assert.equal(world.orders.count('rollback') + world.stock.count('rollback'), 0)
  })

  test('while the only branch commits: a lost answer is unknown, not a time-out', async (t) => {
    const world = shop(t)
    const answer = new Gate<OnePhaseResult>()
    world.stock.on.commitOnePhase = () => answer.pass()
    const { coordinator } = await world.installation.start(participants(world), {
      deliveryTimeoutMs: 3_000,
    })
    const call = watch(coordinator.transaction(['stock'], () => 1, { timeoutMs }))
    await world.installation.time.advance(timeoutMs * 2)
    assert.equal((await call.now()).state, 'pending')
    await world.installation.time.advance(3_000)
    const reason = await call.reason()
    assert.ok(isAssentError(reason, 'ASSENT_OUTCOME_UNKNOWN'), String(reason))
    assert.deepEqual([reason.effect, reason.retry], ['unknown', 'after-outcome'])
    assert.equal(await coordinator.outcome(reason.fields.id), 'unknown')
    assert.equal(world.stock.count('rollback'), 0)
  })
})

test('work that comes back after its time was up is not committed', async (t) => {
  const world = shop(t)
  const { coordinator } = await world.installation.start(participants(world))
  // A process that was stopped: the clock went on, and no timer has run yet.
  let late: Promise<void> | undefined
  const call = watch(
    coordinator.transaction(
      ['orders', 'stock'],
      ({ orders }) => {
        orders.write('late')
        late = world.installation.time.stall(timeoutMs + 1)
      },
      { timeoutMs },
    ),
  )
  assertTimedOut(await call.reason(), 'active')
  await late
  assert.deepEqual(world.orders.rows, [])
})

test('a transaction without a time-out of its own has the default of its coordinator', async (t) => {
  const world = shop(t)
  const { coordinator } = await world.installation.start(participants(world), { timeoutMs })
  const endless = new Gate()
  const call = watch(coordinator.transaction(() => endless.pass()))
  await world.installation.time.advance(timeoutMs + 40)
  assertTimedOut(await call.reason(), 'active')
})

test('work that fails because its time is over is told so, whoever noticed first', async (t) => {
  const world = shop(t)
  const { coordinator } = await world.installation.start(participants(world))
  const fault = new Error('canceling statement due to statement timeout')
  const failAfter = (elapsedMs: number) =>
    watch(
      coordinator.transaction(
        ['orders'],
        () => {
          void world.installation.time.stall(elapsedMs)
          throw fault
        },
        { timeoutMs },
      ),
    )
  const late = await failAfter(timeoutMs).reason()
  assertTimedOut(late, 'active')
  assert.equal((late as Error).cause, fault)
  assert.equal(
    await failAfter(timeoutMs / 2).reason(),
    fault,
    'in time, it is the error of the work',
  )
})
