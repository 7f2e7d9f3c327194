import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Coordinator } from '../../src/coordinator/coordinator.ts'
import type { Participant } from '../../src/participants/contract.ts'
import { type FakeClient, FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

type Shop = Coordinator<{ orders: Participant<FakeClient>; stock: Participant<FakeClient> }>

const nested = { propagation: 'nested' } as const

async function open(
  t: test.TestContext,
  options: { hasSavepoints?: boolean } = {},
): Promise<{ coordinator: Shop; orders: FakeDatabase; stock: FakeDatabase }> {
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock', options)
  const { coordinator } = await new Installation(t).start({
    orders: orders.participant(),
    stock: stock.participant(),
  })
  return { coordinator, orders, stock }
}

async function fails(): Promise<never> {
  throw new Error('the nested part fails')
}

describe('a nested transaction', () => {
  test('that fails undoes its own work and no other, in every branch', async (t) => {
    const { coordinator, orders, stock } = await open(t)
    await coordinator.transaction(['orders', 'stock'], async (clients) => {
      clients.orders.write('before')
      clients.stock.write('before')
      const inner = coordinator.transaction(
        ['orders', 'stock'],
        async (same) => {
          same.orders.write('nested')
          same.stock.write('nested')
          await fails()
        },
        nested,
      )
      await assert.rejects(inner, /the nested part fails/)
      clients.orders.write('after')
    })
    assert.deepEqual(orders.rows, ['before', 'after'])
    assert.deepEqual(stock.rows, ['before'])
  })

  test('that ends well stays, and goes with the one around it', async (t) => {
    const { coordinator, stock } = await open(t)
    const work = async (outcome: () => Promise<void>): Promise<void> =>
      coordinator.transaction(['stock'], async ({ stock: client }) => {
        client.write('outer')
        await coordinator.transaction(() => client.write('nested'), nested)
        await outcome()
      })
    await work(async () => undefined)
    assert.deepEqual(stock.rows, ['outer', 'nested'])
    assert.equal(stock.count('release'), 1)
    await assert.rejects(work(fails))
    assert.deepEqual(stock.rows, ['outer', 'nested'])
  })

  test('undoes the work of a branch that joined inside it', async (t) => {
    const { coordinator, orders, stock } = await open(t)
    await coordinator.transaction(['orders'], async ({ tx, orders: client }) => {
      client.write('outer')
      const inner = coordinator.transaction(
        ['stock'],
        async (given) => {
          given.stock.write('nested')
          await fails()
        },
        nested,
      )
      await assert.rejects(inner, /the nested part fails/)
      const later = await tx.join('stock')
      later.write('after')
    })
    assert.deepEqual(orders.rows, ['outer'])
    assert.deepEqual(stock.rows, ['after'])
  })

  test('in a nested one undoes each only its own', async (t) => {
    const { coordinator, orders, stock } = await open(t)
    await coordinator.transaction(['orders'], async ({ orders: client }) => {
      await coordinator.transaction(async (tx) => {
        client.write('nested')
        const innermost = coordinator.transaction(async () => {
          client.write('innermost')
          const joined = await tx.join('stock').catch(() => coordinator.join('stock'))
          joined.write('innermost')
          await fails()
        }, nested)
        await assert.rejects(innermost, /the nested part fails/)
        ;(await tx.join('stock')).write('nested')
      }, nested)
    })
    assert.deepEqual(orders.rows, ['nested'])
    assert.deepEqual(stock.rows, ['nested'])
  })

  test('that fails takes a nested one with it that ended well', async (t) => {
    const { coordinator, stock } = await open(t)
    await coordinator.transaction(async () => {
      const inner = coordinator.transaction(async () => {
        await coordinator.transaction(
          ['stock'],
          ({ stock: client }) => client.write('innermost'),
          nested,
        )
        await fails()
      }, nested)
      await assert.rejects(inner, /the nested part fails/)
    })
    assert.deepEqual(stock.rows, [])
  })

  test('is doomed by a caught failure in a call that takes part in it, and it alone', async (t) => {
    const { coordinator, stock } = await open(t)
    await coordinator.transaction(['stock'], async ({ stock: client }) => {
      client.write('outer')
      const inner = coordinator.transaction(async () => {
        client.write('nested')
        await coordinator.transaction(fails).catch(() => undefined)
      }, nested)
      await assert.rejects(inner, { code: 'ASSENT_TRANSACTION_DOOMED' })
    })
    assert.deepEqual(stock.rows, ['outer'])
  })

  test('needs savepoints of every resource in it, and says which has none', async (t) => {
    const { coordinator, orders } = await open(t, { hasSavepoints: false })
    await coordinator.transaction(['orders', 'stock'], async (clients) => {
      clients.orders.write('outer')
      const inner = coordinator.transaction(() => assert.fail('ran'), nested)
      await assert.rejects(inner, {
        code: 'ASSENT_SAVEPOINT_UNSUPPORTED',
        fields: { resource: 'stock' },
      })
    })
    assert.deepEqual(orders.rows, ['outer'])
  })

  test('refuses a branch without savepoints that joins inside; outside it may join', async (t) => {
    const { coordinator, stock } = await open(t, { hasSavepoints: false })
    await coordinator.transaction(async (tx) => {
      const inner = coordinator.transaction(['stock'], () => assert.fail('ran'), nested)
      await assert.rejects(inner, { code: 'ASSENT_SAVEPOINT_UNSUPPORTED' })
      ;(await tx.join('stock')).write('outer')
    })
    assert.deepEqual(stock.rows, ['outer'])
  })

  test('is refused beside another one: savepoints are a stack', async (t) => {
    const { coordinator, stock } = await open(t)
    const gate = new Gate()
    await coordinator.transaction(['stock'], async ({ tx, stock: client }) => {
      const first = coordinator.transaction(async () => {
        client.write('first')
        await gate.pass()
      }, nested)
      await promisesSettled()
      await assert.rejects(
        coordinator.transaction(() => 1, nested),
        {
          code: 'ASSENT_NESTED_CONFLICT',
        },
      )
      await assert.rejects(tx.join('orders'), { code: 'ASSENT_NESTED_CONFLICT' })
      gate.open()
      await first
      await coordinator.transaction(() => client.write('second'), nested)
    })
    assert.deepEqual(stock.rows, ['first', 'second'])
  })

  test('undoes what it wrote through a branch whose join was under way when it began', async (t) => {
    const { coordinator, stock } = await open(t)
    const slow = new Gate()
    stock.on.begin = () => slow.pass()
    const call = watch(
      coordinator.transaction(async (tx) => {
        const joining = tx.join('stock')
        const inner = coordinator.transaction(
          ['stock'],
          async ({ stock: client }) => {
            client.write('nested')
            await fails()
          },
          nested,
        )
        await assert.rejects(inner, /the nested part fails/)
        ;(await joining).write('outer')
      }),
    )
    await promisesSettled()
    slow.open()
    await call.value()
    assert.deepEqual(stock.rows, ['outer'])
  })
})

describe('when a savepoint can not be ended', () => {
  test('the outer transaction can not commit what the nested part left behind', async (t) => {
    const { coordinator, stock } = await open(t)
    stock.on.rollbackSavepoint = () => Promise.reject(new Error('connection reset'))
    const call = coordinator.transaction(['stock'], async ({ stock: client }) => {
      const inner = coordinator.transaction(async () => {
        client.write('nested')
        await fails()
      }, nested)
      await inner.catch(() => undefined)
    })
    await assert.rejects(call, { code: 'ASSENT_TRANSACTION_DOOMED' })
    assert.deepEqual(stock.rows, [])
  })

  test('the nested call fails, and its work is not kept behind its back', async (t) => {
    const { coordinator, stock } = await open(t)
    stock.on.releaseSavepoint = () => Promise.reject(new Error('connection reset'))
    const call = coordinator.transaction(['stock'], async ({ stock: client }) => {
      const inner = coordinator.transaction(() => client.write('nested'), nested)
      await assert.rejects(inner, /connection reset/)
    })
    await assert.rejects(call, { code: 'ASSENT_TRANSACTION_DOOMED' })
    assert.deepEqual(stock.rows, [])
  })
})

describe('a nested transaction that is over', () => {
  test('takes no more joins', async (t) => {
    const { coordinator, stock } = await open(t)
    await coordinator.transaction(async () => {
      const inner = await coordinator.transaction((tx) => tx, nested)
      await assert.rejects(inner.join('stock'), { code: 'ASSENT_TRANSACTION_OVER' })
    })
    assert.equal(stock.count('begin'), 0)
  })
})
