import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { isAssentError } from '../../src/core/errors.ts'
import type { Vote } from '../../src/participants/contract.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

async function open(t: test.TestContext) {
  const installation = new Installation(t)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const process = await installation.start({
    orders: orders.participant(),
    stock: stock.participant(),
  })
  const { coordinator, log } = process
  return { installation, orders, stock, coordinator, log }
}

function assertCancelled(reason: unknown, cause: unknown): void {
  assert.ok(isAssentError(reason, 'ASSENT_CANCELLED'), String(reason))
  assert.deepEqual([reason.effect, reason.retry, reason.cause], ['none', 'safe', cause])
}

describe('an abort signal that fires', () => {
  test('before the call begins nothing', async (t) => {
    const { coordinator, orders } = await open(t)
    const signal = AbortSignal.abort('went away')
    const call = coordinator.transaction(['orders'], () => assert.fail('ran'), { signal })
    assertCancelled(await watch(call).reason(), 'went away')
    assert.equal(orders.count('begin'), 0)
  })

  test('while the work runs rolls back, and reaches the work by tx.signal', async (t) => {
    const { coordinator, orders } = await open(t)
    const caller = new AbortController()
    const endless = new Gate()
    let seen: unknown
    const call = watch(
      coordinator.transaction(
        ['orders'],
        ({ tx }) => {
          tx.signal.addEventListener('abort', () => {
            seen = tx.signal.reason
          })
          return endless.pass()
        },
        { signal: caller.signal },
      ),
    )
    await promisesSettled()
    caller.abort('went away')
    assertCancelled(await call.reason(), 'went away')
    assert.equal(seen, await call.reason())
    assert.equal(orders.count('rollback'), 1)
  })

  test('while votes come in rolls back', async (t) => {
    const { coordinator, orders, stock } = await open(t)
    const vote = new Gate<Vote>()
    stock.on.prepare = () => vote.pass()
    const caller = new AbortController()
    const call = watch(
      coordinator.transaction(['orders', 'stock'], () => 1, { signal: caller.signal }),
    )
    await promisesSettled()
    caller.abort()
    assertCancelled(await call.reason(), caller.signal.reason)
    assert.deepEqual([...orders.prepared, ...stock.prepared], [])
  })

  test('while the decision is being forced changes nothing', async (t) => {
    const { coordinator, installation, log } = await open(t)
    installation.logs.durability = 'when told'
    const caller = new AbortController()
    const call = watch(
      coordinator.transaction(['orders', 'stock'], () => 1, { signal: caller.signal }),
    )
    await promisesSettled()
    caller.abort()
    assert.equal((await call.now()).state, 'pending')
    log.writeOut()
    assert.equal(await call.value(), 1)
  })

  test('after the decision changes nothing', async (t) => {
    const { coordinator, installation, orders, stock } = await open(t)
    stock.on.commit = () => new Promise(() => undefined)
    const caller = new AbortController()
    const call = watch(
      coordinator.transaction(['orders', 'stock'], () => 1, {
        signal: caller.signal,
        settleWaitMs: 100,
      }),
    )
    await promisesSettled()
    caller.abort()
    await installation.time.advance(150)
    assert.equal(await call.value(), 1)
    assert.equal(orders.count('rollback') + stock.count('rollback'), 0)
  })
})

test('a signal is let go of when the call is over', async (t) => {
  const { coordinator } = await open(t)
  const listeners = new Set<unknown>()
  const signal = {
    aborted: false,
    reason: undefined,
    addEventListener: (_: 'abort', listener: () => void) => void listeners.add(listener),
    removeEventListener: (_: 'abort', listener: () => void) => void listeners.delete(listener),
  }
  await coordinator.transaction(['orders'], () => assert.equal(listeners.size, 1), { signal })
  assert.equal(listeners.size, 0)
  const failed = coordinator.transaction(() => Promise.reject(new Error('x')), { signal })
  await assert.rejects(failed)
  assert.equal(listeners.size, 0)
})

describe('tx.signal', () => {
  test('is not aborted by a commit while the work may still look at it', async (t) => {
    const { coordinator } = await open(t)
    await coordinator.transaction(['orders'], ({ tx }) => assert.equal(tx.signal.aborted, false))
  })

  test('is one and the same in nested parts', async (t) => {
    const { coordinator } = await open(t)
    await coordinator.transaction(async (tx) => {
      const inner = await coordinator.transaction((same) => same.signal, {
        propagation: 'nested',
      })
      assert.equal(inner, tx.signal)
    })
  })

  test('is aborted already when it is first asked for after the rollback', async (t) => {
    const { coordinator, installation } = await open(t)
    const endless = new Gate()
    let tx: { readonly signal: AbortSignal } | undefined
    const call = watch(
      coordinator.transaction(
        (given) => {
          tx = given
          return endless.pass()
        },
        { timeoutMs: 100 },
      ),
    )
    await installation.time.advance(150)
    assert.equal(tx?.signal.reason, await call.reason())
  })
})
