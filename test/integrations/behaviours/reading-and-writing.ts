/** Every library, every database: work in two branches is one change, however the library sends it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type Library, thrownBy } from '../library.ts'
import type { Shop } from '../shop.ts'

const nothing = { orders: [], stock: [] }

export function readsAndWrites<Client>(library: Library<Client>, shop: () => Shop<Client>): void {
  const bind = library.items.bind(library)

  test('reads and writes; others see nothing before the end, and all of it after', async () => {
    const { coordinator } = shop()
    await coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
      const [ordered, stocked] = [bind(orders), bind(stock)]
      await ordered.add(1, 'chair')
      await ordered.add(2, 'table')
      await stocked.add(1, 'oak')
      await stocked.rename(1, 'ash')
      assert.deepEqual(await ordered.names(), ['chair', 'table'])
      assert.deepEqual(await stocked.names(), ['ash'])
      assert.deepEqual(await shop().seen(), nothing)
    })
    assert.deepEqual(await shop().seen(), { orders: ['chair', 'table'], stock: ['ash'] })
  })

  test('a throw leaves nothing in either database, and reaches the caller unchanged', async () => {
    const changedMind = new Error('changed my mind')
    const thrown = await thrownBy(
      shop().coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
        await bind(orders).add(1, 'chair')
        await bind(stock).add(1, 'oak')
        throw changedMind
      }),
    )
    assert.equal(thrown, changedMind)
    assert.deepEqual(await shop().seen(), nothing)
  })

  test('takes queries that run in parallel', async () => {
    await shop().coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
      const [ordered, stocked] = [bind(orders), bind(stock)]
      await Promise.all([
        ...[1, 2, 3].map((id) => ordered.add(id, `order ${id}`)),
        ...[1, 2].map((id) => stocked.add(id, `stock ${id}`)),
      ])
    })
    const [orders, stock] = [
      ['order 1', 'order 2', 'order 3'],
      ['stock 1', 'stock 2'],
    ]
    assert.deepEqual(await shop().seen(), { orders, stock })
  })

  test('deep in a repository, joins the transaction around the caller', async () => {
    const { coordinator } = shop()
    const placeOrder = async (id: number, name: string): Promise<void> => {
      await bind(await coordinator.join('orders')).add(id, name)
    }
    await coordinator.transaction(async (tx) => {
      await placeOrder(1, 'chair')
      await bind(await tx.join('stock')).add(1, 'oak')
      await placeOrder(2, 'table')
      assert.deepEqual(await shop().seen(), nothing)
    })
    assert.deepEqual(await shop().seen(), { orders: ['chair', 'table'], stock: ['oak'] })
    assert.equal(
      ((await thrownBy(placeOrder(3, 'lamp'))) as { code?: string }).code,
      'ASSENT_TRANSACTION_REQUIRED',
    )
  })

  test('two transactions at once each keep their own context and their own work', async () => {
    const { coordinator } = shop()
    const place = (id: number, mayStay: boolean): Promise<void> =>
      coordinator.transaction(async (tx) => {
        const here = (): void => assert.equal(coordinator.current?.id, tx.id)
        const items = bind(await coordinator.join('orders'))
        await items.add(id, `order ${id}`)
        here()
        await items.transaction(async (own) => {
          here()
          await Promise.all([own.names().then(here), own.rename(id, `paid ${id}`).then(here)])
          here()
        })
        here()
        for await (const name of items.each?.() ?? []) {
          assert.ok(name.startsWith('paid'))
          here()
        }
        here()
        if (!mayStay) throw new Error('no')
      })
    const ended = await Promise.allSettled([place(1, true), place(2, false), place(3, true)])
    const statuses = ended.map(({ status }) => status)
    assert.deepEqual(statuses, ['fulfilled', 'rejected', 'fulfilled'])
    assert.deepEqual((await shop().seen()).orders, ['paid 1', 'paid 3'])
  })

  test('async context survives its own pool, for whose one connection several wait', async () => {
    const { coordinator, orders } = shop()
    const own = await library.ownPool(orders.url)
    const inOne = (id: number): Promise<void> =>
      coordinator.transaction(['orders', 'stock'], async ({ tx, orders }) => {
        const here = (): void => assert.equal(coordinator.current?.id, tx.id)
        await bind(orders).add(id, `order ${id}`)
        await own.query()
        here()
        await Promise.all([own.query().then(here), own.query().then(here)])
        here()
        await bind(await coordinator.join('stock')).add(id, `stock ${id}`)
      })
    await Promise.all([1, 2, 3].map(inOne)).finally(() => own.close())
    assert.deepEqual((await shop().seen()).stock, ['stock 1', 'stock 2', 'stock 3'])
  })

  test('streams rows, where it streams at all, to the end or not', async () => {
    await shop().coordinator.transaction(['orders', 'stock'], async ({ orders }) => {
      const items = bind(orders)
      for (const id of [1, 2, 3]) await items.add(id, `order ${id}`)
      const read: string[] = []
      for await (const name of items.each?.() ?? (await items.names())) read.push(name)
      assert.deepEqual(read, ['order 1', 'order 2', 'order 3'])
      for await (const name of items.each?.() ?? []) {
        assert.equal(name, 'order 1')
        break
      }
      await items.rename(3, 'last')
    })
    assert.deepEqual((await shop().seen()).orders, ['order 1', 'order 2', 'last'])
  })
}
