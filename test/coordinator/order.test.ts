import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

describe('two transactions over two pools of one connection each', () => {
  test('never wait for each other, whatever order they name the resources in', async (t) => {
    const orders = new FakeDatabase('orders', { poolSize: 1 })
    const stock = new FakeDatabase('stock', { poolSize: 1 })
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const done: string[] = []
    const run = (names: readonly ('orders' | 'stock')[], name: string): Promise<void> =>
      coordinator.transaction(names, () => void done.push(name))
    const calls = [
      run(['orders', 'stock'], 'first'),
      run(['stock', 'orders'], 'second'),
      run(['orders', 'stock'], 'third'),
      run(['stock', 'orders'], 'fourth'),
    ].map(watch)
    for (const call of calls) await call.value()
    assert.deepEqual(done, ['first', 'second', 'third', 'fourth'])
    assert.equal(orders.pool.taken + stock.pool.taken, 0)
  })

  test('stand in every queue in the same order, even when one pool answers late', async (t) => {
    const orders = new FakeDatabase('orders', { poolSize: 1 })
    const stock = new FakeDatabase('stock', { poolSize: 1 })
    const slow = new Gate()
    orders.on.begin = () => slow.pass()
    const { coordinator } = await new Installation(t).start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    const first = watch(coordinator.transaction(['stock', 'orders'], () => 1))
    const second = watch(coordinator.transaction(['orders', 'stock'], () => 2))
    await promisesSettled()
    assert.deepEqual([orders.pool.waiting, stock.pool.waiting], [1, 1])
    slow.open()
    assert.equal(await first.value(), 1)
    assert.equal(await second.value(), 2)
  })
})

test('the branches of one transaction begin in canonical order, all in one turn', async (t) => {
  const names = ['zebra', 'Ant', 'bee_2', 'bee-1'] as const
  const databases = names.map((name) => new FakeDatabase(name))
  const begun: string[] = []
  names.forEach((name, index) => {
    const database = databases[index]!
    database.on.begin = async () => void begun.push(name)
  })
  const participants = Object.fromEntries(
    names.map((name, index) => [name, databases[index]!.participant()]),
  )
  const { coordinator } = await new Installation(t).start(participants)
  const call = coordinator.transaction([...names], () => 1)
  assert.deepEqual(begun, ['Ant', 'bee-1', 'bee_2', 'zebra'])
  await call
})
