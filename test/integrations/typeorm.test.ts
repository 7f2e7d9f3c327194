/** TypeORM in a branch. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DataSource, type EntityManager } from 'typeorm'

import { mariadbSuite } from '../harness/mariadb.ts'
import { postgresSuite } from '../harness/postgres.ts'
import { behaviours } from './behaviours/all.ts'
import type { Items, Library } from './library.ts'
import { mariadbShop } from './mariadb.ts'
import { Item, managerOf, placeOrder } from './pages/typeorm.ts'
import { postgresShop } from './postgres.ts'
import type { Shop } from './shop.ts'

function itemsOf(manager: EntityManager): Items {
  return {
    add: (id, name) => manager.insert(Item, { id, name }),
    rename: (id, name) => manager.update(Item, { id }, { name }),
    names: async () => {
      const found = await manager.find(Item, { order: { id: 'asc' } })
      return found.map(({ name }) => name)
    },
    send: (text) => manager.query(text),
    transaction: (work) => manager.transaction((own) => work(itemsOf(own))),
    serializable: (work) => manager.transaction('SERIALIZABLE', (own) => work(itemsOf(own))),
  }
}

type Kind = 'postgres' | 'mysql'

/** The table of behaviours with a data source that is opened at the server, as a program does. */
function ofTypeOrm<Client extends object>(kind: Kind, open: () => Promise<Shop<Client>>): void {
  const openDataSource = (url: string): Promise<DataSource> =>
    new DataSource({ type: kind, url, poolSize: 1, entities: [Item] }).initialize()
  let dataSource: DataSource
  const library: Library<Client> = {
    secondTransaction: 'refused',
    items: (client) => itemsOf(managerOf(dataSource, client)),
    ownPool: async (url) => {
      const own = await openDataSource(url)
      return { query: () => own.manager.find(Item), close: () => own.destroy() }
    },
    close: () => dataSource.destroy(),
  }
  const opened = async (): Promise<Shop<Client>> => {
    const shop = await open()
    dataSource = await openDataSource(shop.orders.url)
    return shop
  }
  behaviours(library, opened, (shop) => {
    test('runs the code of its page: save, with the transaction that it begins itself', async () => {
      await placeOrder(shop().coordinator, dataSource, 1, 'chair')
      assert.deepEqual(await shop().seen(), { orders: ['chair'], stock: ['chair'] })
    })

    test('takes saves that run in parallel', async () => {
      await shop().coordinator.transaction(['orders', 'stock'], async ({ orders }) => {
        const items = managerOf(dataSource, orders).getRepository(Item)
        await Promise.all([1, 2, 3].map((id) => items.save({ id, name: `order ${id}` })))
      })
      assert.deepEqual((await shop().seen()).orders, ['order 1', 'order 2', 'order 3'])
    })
  })
}

await postgresSuite('TypeORM on PostgreSQL', (servers) => {
  ofTypeOrm('postgres', () => postgresShop(servers))
})

await mariadbSuite('TypeORM on MariaDB', (servers) => {
  ofTypeOrm('mysql', () => mariadbShop(servers))
})
