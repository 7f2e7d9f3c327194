import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { AssentError } from '../../src/core/errors.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Installation } from './doubles/installation.ts'

test('a read-only resource that is not configured is an error, not a promise that is not kept', async (t) => {
  const orders = new FakeDatabase('orders')
  const { coordinator } = await new Installation(t).start({ orders: orders.participant() })
  const typos: readonly object[] = [{ readOnly: ['order'] }, { isolation: { order: 'x' } }]
  for (const options of typos) {
    await assert.rejects(
      coordinator.transaction(['orders'], () => assert.fail('ran'), options),
      { code: 'ASSENT_UNKNOWN_RESOURCE', fields: { resource: 'order', known: ['orders'] } },
    )
  }
  assert.equal(orders.count('begin'), 0)
})

describe('a call that can not be meant', () => {
  const calls: Readonly<Record<string, readonly unknown[]>> = {
    'has no work': [['orders']],
    'has options that are none': [['orders'], () => 1, null],
    'has an unknown propagation': [() => 1, { propagation: 'nesting' }],
    'may run without a transaction, and names resources': [
      ['orders'],
      () => 1,
      { propagation: 'supports' },
    ],
    'has no time': [() => 1, { timeoutMs: 0 }],
    'has a time that no timer takes': [() => 1, { timeoutMs: 2 ** 31 }],
    'has no number for a time': [() => 1, { settleWaitMs: '5' }],
    'is tried less than once': [() => 1, { retry: { attempts: 0 } }],
    'has a signal that is none': [() => 1, { signal: {} }],
    'gives one isolation for all': [['orders'], () => 1, { isolation: 'serializable' }],
    'gives a name where a list is meant': [['orders'], () => 1, { readOnly: 'orders' }],
    'has an option that there is not': [() => 1, { timeout: 5 }],
  }
  for (const [name, call] of Object.entries(calls)) {
    test(`is refused, and nothing begins: it ${name}`, async (t) => {
      const orders = new FakeDatabase('orders')
      const { coordinator } = await new Installation(t).start({ orders: orders.participant() })
      const loose = coordinator.transaction.bind(coordinator) as (
        ...given: readonly unknown[]
      ) => Promise<unknown>
      await assert.rejects(loose(...call), (error) => {
        return error instanceof AssentError && error.code === 'ASSENT_INVALID_OPTION'
      })
      assert.equal(coordinator.transactions().length, 0)
    })
  }
})
