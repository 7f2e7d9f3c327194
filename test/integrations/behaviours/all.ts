/** The table of behaviours: every library on every database passes all of it. */
import { after, before, beforeEach, describe, test } from 'node:test'

import { until } from '../../harness/until.ts'
import type { Library } from '../library.ts'
import type { Shop } from '../shop.ts'
import { misuse } from './misuse.ts'
import { ownTransactions } from './own-transactions.ts'
import { readsAndWrites } from './reading-and-writing.ts'

/** Defines the tests, inside a suite on the servers that `open` needs; `more` are the library's own. */
export function behaviours<Client>(
  library: Library<Client>,
  open: () => Promise<Shop<Client>>,
  more: (shop: () => Shop<Client>) => void = () => undefined,
): void {
  // A suite of its own: the shop closes before its servers are removed.
  describe('in a branch', () => {
    let opened: Shop<Client> | undefined
    const shop = (): Shop<Client> => {
      if (opened === undefined) throw new Error('the shop is not open')
      return opened
    }
    before(async () => {
      opened = await open()
    })
    beforeEach(() => shop().clear())
    after(async () => {
      await library.close?.()
      await opened?.close()
    })
    readsAndWrites(library, shop)
    ownTransactions(library, shop)
    misuse(library, shop)
    more(shop)
    test('leaves nothing prepared', async () => {
      const { orders, stock } = shop()
      await until('no branch is prepared', async () => {
        return (await orders.preparedCount()) + (await stock.preparedCount()) === 0
      })
    })
  })
}
