import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { type Watched, watch } from './doubles/watched.ts'

async function open(t: test.TestContext) {
  const installation = new Installation(t)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const { coordinator } = await installation.start({
    orders: orders.participant(),
    stock: stock.participant(),
  })
  return { installation, orders, stock, coordinator }
}

function assertNotAwaited(reason: unknown, pending: readonly string[]): void {
  const { code, fields } = reason as { code: string; fields: { pending: readonly string[] } }
  assert.equal(code, 'ASSENT_WORK_NOT_AWAITED', String(reason))
  assert.deepEqual(fields.pending, pending)
}

describe('a transaction whose work returned too early is rolled back, and names', () => {
  test('the join that was still under way; its branch is rolled back when it comes', async (t) => {
    const { coordinator, orders, stock } = await open(t)
    const slow = new Gate()
    stock.on.begin = () => slow.pass()
    let joining: Watched<unknown> | undefined
    const call = watch(
      coordinator.transaction(['orders'], ({ tx, orders: client }) => {
        client.write('order 7')
        joining = watch(tx.join('stock'))
      }),
    )
    await promisesSettled()
    slow.open()
    assertNotAwaited(await call.reason(), ['join of stock'])
    assertNotAwaited(await joining?.reason(), ['join of stock'])
    assert.deepEqual(orders.rows, [])
    assert.equal(stock.count('rollback'), 1)
    assert.equal(orders.pool.taken + stock.pool.taken, 0)
  })

  test('the statements that a branch reports as pending', async (t) => {
    const { coordinator, orders, stock } = await open(t)
    const call = watch(
      coordinator.transaction(['orders', 'stock'], (clients) => {
        clients.stock.beginWork('update item')
        clients.stock.beginWork('select 1')
      }),
    )
    assertNotAwaited(await call.reason(), ['stock: update item', 'stock: select 1'])
    assert.equal(orders.count('prepare') + stock.count('prepare'), 0)
  })

  test('the call inside it that takes part and has not returned', async (t) => {
    const { coordinator, stock } = await open(t)
    const gate = new Gate()
    let inner: Watched<unknown> | undefined
    const call = watch(
      coordinator.transaction(['stock'], ({ stock: client }) => {
        inner = watch(
          coordinator.transaction(async () => {
            client.write('the first half')
            await gate.pass()
            client.write('the second half')
          }),
        )
      }),
    )
    assertNotAwaited(await call.reason(), ['a call of transaction() inside it'])
    assert.deepEqual(stock.rows, [], 'half of it would be neither everything nor nothing')
    gate.open()
    assert.match(String(await inner?.reason()), /comes after the end/)
  })

  test('the nested transaction that has not returned', async (t) => {
    const { coordinator, stock } = await open(t)
    const gate = new Gate()
    const call = watch(
      coordinator.transaction(['stock'], async ({ stock: client }) => {
        watch(
          coordinator.transaction(
            async () => {
              client.write('half')
              await gate.pass()
            },
            { propagation: 'nested' },
          ),
        )
        await promisesSettled()
      }),
    )
    await promisesSettled()
    assertNotAwaited(await call.reason(), ['a call of transaction() inside it'])
    assert.deepEqual(stock.rows, [])
    gate.open()
    await promisesSettled()
  })
})

test('a nested transaction that returned too early is undone, and the outer one may go on', async (t) => {
  const { coordinator, stock } = await open(t)
  const gate = new Gate()
  await coordinator.transaction(['stock'], async ({ stock: client }) => {
    client.write('outer')
    const nested = coordinator.transaction(
      () => {
        client.write('nested')
        watch(coordinator.transaction(() => gate.pass()))
      },
      { propagation: 'nested' },
    )
    await assert.rejects(nested, { code: 'ASSENT_WORK_NOT_AWAITED' })
    gate.open()
    await promisesSettled()
  })
  assert.deepEqual(stock.rows, ['outer'])
})

describe('work that comes after the end is refused', () => {
  test('when it joins through tx, with the transaction that is over', async (t) => {
    const { coordinator, stock } = await open(t)
    const tx = await coordinator.transaction((given) => given)
    await assert.rejects(tx.join('stock'), {
      code: 'ASSENT_TRANSACTION_OVER',
      fields: { id: tx.id },
    })
    assert.equal(stock.count('begin'), 0)
  })

  test('when it joins while votes come in', async (t) => {
    const { coordinator, orders, stock } = await open(t)
    const voting = new Gate()
    orders.on.prepare = async () => {
      await voting.pass()
      return { vote: 'yes', evidence: undefined }
    }
    let join: (() => Promise<unknown>) | undefined
    const call = watch(
      coordinator.transaction(['orders', 'stock'], ({ tx }) => {
        join = () => tx.join('stock')
      }),
    )
    await promisesSettled()
    assert.equal(orders.count('prepare'), 1)
    await assert.rejects(async () => join?.(), { code: 'ASSENT_TRANSACTION_OVER' })
    voting.open()
    await call.value()
    assert.equal(stock.count('begin'), 1)
  })

  test('with the error of the rollback when that is why it is over', async (t) => {
    const { coordinator, installation } = await open(t)
    const endless = new Gate()
    let join: (() => Promise<unknown>) | undefined
    const call = watch(
      coordinator.transaction(
        (tx) => {
          join = () => tx.join('stock')
          return endless.pass()
        },
        { timeoutMs: 100 },
      ),
    )
    await installation.time.advance(150)
    const reason = await call.reason()
    await assert.rejects(
      async () => join?.(),
      (error) => error === reason,
    )
  })

  test('when it uses the coordinator from the context of the work', async (t) => {
    const { coordinator } = await open(t)
    const gate = new Gate()
    const late = await coordinator.transaction(() => ({
      join: watch(gate.pass().then(() => coordinator.join('stock'))),
    }))
    gate.open()
    const { code } = (await late.join.reason()) as { code: string }
    assert.equal(code, 'ASSENT_TRANSACTION_OVER')
  })
})
