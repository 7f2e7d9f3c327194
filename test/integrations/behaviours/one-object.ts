/** Libraries that ask for a connection each time: one object of theirs serves the whole program. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type Items, thrownBy } from '../library.ts'
import { codeUnder } from '../pages/errors.ts'
import type { Shop, ShopCoordinator } from '../shop.ts'

export function oneObject<Client>(
  itemsOf: (coordinator: ShopCoordinator<Client>) => Items,
  shop: () => Shop<Client>,
): void {
  test('one object for the program: each query goes to the transaction around it', async () => {
    const { coordinator } = shop()
    const items = itemsOf(coordinator)
    const place = (id: number, mayStay: boolean): Promise<void> =>
      coordinator.transaction(async () => {
        await Promise.all([items.add(id, `order ${id}`), items.add(id + 10, `copy ${id}`)])
        await items.transaction((own) => own.rename(id, `paid ${id}`).then(() => undefined))
        if (!mayStay) throw new Error('no')
      })
    await Promise.allSettled([place(1, true), place(2, false), place(3, true)])
    assert.deepEqual((await shop().seen()).orders, ['paid 1', 'paid 3', 'copy 1', 'copy 3'])
  })

  test('one object for the program reaches nothing outside of a transaction', async () => {
    const { coordinator } = shop()
    const items = itemsOf(coordinator)
    assert.equal(codeUnder(await thrownBy(items.names())), 'ASSENT_TRANSACTION_REQUIRED')
    const over = Promise.withResolvers<void>()
    let late: Promise<unknown> | undefined
    await coordinator.transaction(async () => {
      await items.add(1, 'chair')
      late = thrownBy(over.promise.then(() => items.names()))
    })
    over.resolve()
    assert.equal(codeUnder(await late), 'ASSENT_TRANSACTION_OVER')
  })
}
