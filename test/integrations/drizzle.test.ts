/** Drizzle in a branch. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asc, eq, sql } from 'drizzle-orm'
import { drizzle as mysqlDrizzle } from 'drizzle-orm/mysql2'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { createPool, type PoolConnection } from 'mysql2'
import pg, { type PoolClient } from 'pg'

import { mariadbSuite } from '../harness/mariadb.ts'
import { postgresSuite } from '../harness/postgres.ts'
import { behaviours } from './behaviours/all.ts'
import type { Items, Library } from './library.ts'
import { mariadbShop } from './mariadb.ts'
import { item, placeOrder, rename } from './pages/drizzle.ts'
import { item as mysqlItem, placeOrder as placeMysqlOrder } from './pages/drizzle-mysql.ts'
import { postgresShop } from './postgres.ts'

const serializable = { isolationLevel: 'serializable' } as const

function itemsOf(db: NodePgDatabase): Items {
  return {
    add: (id, name) => db.insert(item).values({ id, name }).execute(),
    rename: (id, name) => db.update(item).set({ name }).where(eq(item.id, id)).execute(),
    names: async () => {
      const rows = await db.select({ name: item.name }).from(item).orderBy(asc(item.id))
      return rows.map(({ name }) => name)
    },
    send: (text) => db.execute(sql.raw(text)),
    transaction: (work) => db.transaction((tx) => work(itemsOf(tx))),
    serializable: (work) => db.transaction((tx) => work(itemsOf(tx)), serializable),
  }
}

type MysqlDatabase = Omit<ReturnType<typeof mysqlDrizzle>, '$client' | '$cache'>

/** The same for the other dialect, whose tables and databases are types of their own. */
function mysqlItemsOf(db: MysqlDatabase): Items {
  const names = () =>
    db.select({ name: mysqlItem.name }).from(mysqlItem).orderBy(asc(mysqlItem.id)).prepare()
  return {
    add: (id, name) => db.insert(mysqlItem).values({ id, name }).execute(),
    rename: (id, name) => db.update(mysqlItem).set({ name }).where(eq(mysqlItem.id, id)).execute(),
    names: async () => (await names().execute()).map(({ name }) => name),
    send: (text) => db.execute(sql.raw(text)),
    transaction: (work) => db.transaction((tx) => work(mysqlItemsOf(tx))),
    serializable: (work) => db.transaction((tx) => work(mysqlItemsOf(tx)), serializable),
    async *each() {
      for await (const { name } of names().iterator()) yield name
    },
  }
}

await postgresSuite('Drizzle on PostgreSQL', (servers) => {
  const library: Library<PoolClient> = {
    secondTransaction: 'refused',
    items: (client) => itemsOf(drizzle(client)),
    ownPool: (connectionString) => {
      const pool = new pg.Pool({ connectionString, max: 1 })
      return { query: () => drizzle(pool).select().from(item).execute(), close: () => pool.end() }
    },
  }
  const open = () => postgresShop(servers)
  behaviours(library, open, (shop) => {
    test('runs the code of its page', async () => {
      const { coordinator } = shop()
      await placeOrder(coordinator, 1, 'chair')
      await coordinator.transaction(() => rename(coordinator, 1, 'armchair'))
      assert.deepEqual(await shop().seen(), { orders: ['armchair'], stock: ['chair'] })
    })

    test('its rollback() undoes its own transaction only', async () => {
      await shop().coordinator.transaction(['orders', 'stock'], async ({ orders }) => {
        const db = drizzle(orders)
        await db.insert(item).values({ id: 1, name: 'chair' })
        const undone = db.transaction(async (tx) => {
          await tx.insert(item).values({ id: 2, name: 'table' })
          tx.rollback()
        })
        await assert.rejects(undone, { name: 'DrizzleError' })
      })
      assert.deepEqual((await shop().seen()).orders, ['chair'])
    })
  })
})

await mariadbSuite('Drizzle on MariaDB', (servers) => {
  const library: Library<PoolConnection> = {
    secondTransaction: 'refused',
    items: (client) => mysqlItemsOf(mysqlDrizzle(client)),
    ownPool: (uri) => {
      const pool = createPool({ uri, connectionLimit: 1 })
      return {
        query: () => mysqlDrizzle(pool).select().from(mysqlItem).execute(),
        close: () => pool.promise().end(),
      }
    },
  }
  const open = () => mariadbShop(servers)
  behaviours(library, open, (shop) => {
    test('runs the code of its page', async () => {
      await placeMysqlOrder(shop().coordinator, 1, 'chair')
      assert.deepEqual(await shop().seen(), { orders: ['chair'], stock: ['chair'] })
    })
  })
})
