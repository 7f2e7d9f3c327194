import assert from 'node:assert/strict'
import { test } from 'node:test'

import { FakeDatabase } from './doubles/fake-database.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

test('a log that answers twice breaks an invariant, which reaches onBroken with its evidence', async (t) => {
  const installation = new Installation(t)
  const [orders, stock] = [new FakeDatabase('orders'), new FakeDatabase('stock')]
  const { coordinator, log } = await installation.start({
    orders: orders.participant(),
    stock: stock.participant(),
  })
  const append = log.append.bind(log)
  log.append = (record, durable) =>
    append(record, (failure) => {
      durable?.(failure)
      durable?.(failure)
    })
  watch(coordinator.transaction(['orders', 'stock'], () => 1))
  await promisesSettled()
  const [broken, ...others] = installation.broken.splice(0)
  assert.equal(broken?.rule, 'A3')
  assert.notEqual(broken?.evidence, undefined)
  assert.deepEqual(others, [])
})
