import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { isAssentError } from '../../src/core/errors.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Installation } from './doubles/installation.ts'
import { watch } from './doubles/watched.ts'

function shop(): { orders: FakeDatabase; stock: FakeDatabase } {
  return { orders: new FakeDatabase('orders'), stock: new FakeDatabase('stock') }
}

describe('a declared transaction', () => {
  test('gives the work the named clients and tx, and happens at every resource', async (t) => {
    const { orders, stock } = shop()
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const value = await coordinator.transaction(['orders', 'stock'], (given) => {
      assert.deepEqual(Object.keys(given).sort(), ['orders', 'stock', 'tx'])
      given.orders.write('order 7')
      given.stock.write('item 7')
      assert.equal(given.orders.id, `assent.${given.tx.id}.0`)
      return 'seven'
    })
    assert.equal(value, 'seven')
    assert.deepEqual([orders.rows, stock.rows], [['order 7'], ['item 7']])
    assert.equal(orders.pool.taken + stock.pool.taken, 0)
  })

  test('begins each resource once, however often it is named', async (t) => {
    const { orders, stock } = shop()
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    await coordinator.transaction(['orders', 'orders', 'stock'], async ({ tx, orders: client }) => {
      assert.equal(await tx.join('orders'), client)
    })
    assert.equal(orders.count('begin'), 1)
  })

  test('tells each branch its time, isolation and access mode', async (t) => {
    const { orders, stock } = shop()
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const options = {
      timeoutMs: 700,
      isolation: { orders: 'serializable' },
      readOnly: ['stock'],
    } as const
    await coordinator.transaction(
      ['orders', 'stock'],
      (given) => {
        const { isolation, readOnly, timeLeftMs } = given.orders.options
        assert.deepEqual(
          { isolation, readOnly, timeLeftMs },
          {
            isolation: 'serializable',
            readOnly: false,
            timeLeftMs: 700,
          },
        )
        assert.equal(given.stock.options.readOnly, true)
        assert.equal(given.stock.options.isolation, undefined)
      },
      options,
    )
  })

  test('with a name that is not configured changes nothing and says which there are', async (t) => {
    const { orders } = shop()
    const { coordinator } = await new Installation(t).start({ orders: orders.participant() })
    const failed = coordinator.transaction(['order'] as unknown as ['orders'], () => {
      assert.fail('the work must not run')
    })
    await assert.rejects(failed, {
      code: 'ASSENT_UNKNOWN_RESOURCE',
      fields: { resource: 'order', known: ['orders'] },
    })
    assert.equal(orders.count('begin'), 0)
  })

  test('rolls back what had begun when one resource gives no connection', async (t) => {
    const { orders, stock } = shop()
    const cause = new Error('too many clients')
    stock.on.begin = () => Promise.reject(cause)
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const failed = coordinator.transaction(['orders', 'stock'], () => assert.fail('ran'))
    await assert.rejects(failed, {
      code: 'ASSENT_RESOURCE_UNAVAILABLE',
      fields: { resource: 'stock' },
      cause,
    })
    assert.equal(orders.count('rollback'), 1)
    assert.equal(stock.count('rollback'), 0, 'nothing is open there')
    assert.equal(orders.pool.taken, 0)
  })
})

describe('a dynamic transaction', () => {
  test('joins what it finds that it needs, also deep in a call without tx', async (t) => {
    const { orders, stock } = shop()
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const repository = async (): Promise<void> => {
      const client = await coordinator.join('stock')
      client.write('item 7')
    }
    await coordinator.transaction(async (tx) => {
      const client = await tx.join('orders')
      client.write('order 7')
      await repository()
      assert.equal(coordinator.current?.id, tx.id)
    })
    assert.deepEqual([orders.rows, stock.rows], [['order 7'], ['item 7']])
    assert.equal(coordinator.current, undefined)
  })

  test('that joins nothing commits, and calls nobody', async (t) => {
    const { orders } = shop()
    const { coordinator } = await new Installation(t).start({ orders: orders.participant() })
    assert.equal(await coordinator.transaction(() => 5), 5)
    assert.equal(orders.count('begin'), 0)
  })

  test('does not join from outside of any transaction', async (t) => {
    const { orders } = shop()
    const { coordinator } = await new Installation(t).start({ orders: orders.participant() })
    await assert.rejects(coordinator.join('orders'), { code: 'ASSENT_TRANSACTION_REQUIRED' })
    await coordinator.transaction(async () => {
      await coordinator.detached(async () => {
        assert.equal(coordinator.current, undefined)
        await assert.rejects(coordinator.join('orders'), { code: 'ASSENT_TRANSACTION_REQUIRED' })
      })
    })
  })
})

describe('the caller', () => {
  test('gets what the work threw, unchanged, when all was rolled back', async (t) => {
    const { orders, stock } = shop()
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const thrown = [new TypeError('not for sale'), 'a text', null, undefined, { odd: true }]
    for (const reason of thrown) {
      const failed = coordinator.transaction(['orders', 'stock'], ({ orders: client }) => {
        client.write('order 7')
        throw reason
      })
      const { reason: got } = await failed.then(
        () => assert.fail('it committed'),
        (caught: unknown) => ({ reason: caught }),
      )
      assert.equal(got, reason)
    }
    assert.deepEqual(orders.rows, [])
    assert.equal(stock.count('prepare'), 0)
    assert.equal(stock.count('rollback'), thrown.length)
  })

  test('is told the vote of every branch when one votes no', async (t) => {
    const { orders, stock } = shop()
    const cause = Object.assign(new Error('check constraint'), { code: '23514' })
    stock.on.prepare = async () => ({ vote: 'no', cause })
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const failed = coordinator.transaction(['orders', 'stock'], () => 5)
    await assert.rejects(failed, (error) => {
      assert.ok(isAssentError(error, 'ASSENT_ABORTED_BY_VOTE'))
      assert.deepEqual([error.effect, error.retry], ['none', 'safe'])
      assert.equal(error.cause, cause)
      assert.deepEqual(error.fields.votes, [
        { resource: 'orders', vote: 'yes', cause: undefined },
        { resource: 'stock', vote: 'no', cause },
      ])
      return true
    })
    assert.equal(orders.count('rollback'), 1)
    assert.equal(stock.count('rollback'), 0, 'a no means that nothing is left to finish')
    assert.equal(orders.prepared.size, 0)
  })

  test('is told that a vote was lost, and the branch is rolled back wherever it is', async (t) => {
    const { orders, stock } = shop()
    stock.on.prepare = async (id) => {
      stock.prepared.set(id, [])
      throw new Error('connection reset')
    }
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    await assert.rejects(
      coordinator.transaction(['orders', 'stock'], () => 5),
      {
        code: 'ASSENT_ABORTED_BY_VOTE',
        message: /stock: unknown/,
      },
    )
    assert.deepEqual([...stock.prepared, ...orders.prepared], [])
  })

  test('is told at once when a branch can not commit any more: it is asked for no vote', async (t) => {
    const { orders, stock } = shop()
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const cause = Object.assign(new Error('duplicate key'), { code: '23505' })
    const failed = coordinator.transaction(['orders', 'stock'], (clients) => {
      clients.stock.fail(cause) // and the work catches the statement's error
    })
    await assert.rejects(failed, { code: 'ASSENT_ABORTED_BY_VOTE', cause })
    assert.equal(orders.count('prepare') + stock.count('prepare'), 0)
  })

  test('gets details from transact', async (t) => {
    const { orders, stock } = shop()
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const two = await coordinator.transact(['orders', 'stock'], ({ tx }) => tx.id)
    assert.deepEqual(two, { value: two.id, id: two.id, protocol: 'two-phase', settled: true })
    const one = await coordinator.transact(async (tx) => void (await tx.join('stock')))
    assert.equal(one.protocol, 'one-phase')
    const none = await coordinator.transact(() => 1)
    assert.equal(none.protocol, 'none')
  })

  test('gets its value after settleWaitMs when a branch is slow to acknowledge', async (t) => {
    const { orders, stock } = shop()
    stock.on.commit = () => new Promise(() => undefined)
    const installation = new Installation(t)
    const { coordinator } = await installation.start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const options = { settleWaitMs: 300 }
    const call = watch(coordinator.transact(['orders', 'stock'], () => 5, options))
    await installation.time.advance(250)
    assert.equal((await call.now()).state, 'pending')
    await installation.time.advance(100)
    const { value, settled } = await call.value()
    assert.deepEqual({ value, settled }, { value: 5, settled: false })
  })
})
