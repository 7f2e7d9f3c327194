/** Kysely in a branch. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CompiledQuery, type Dialect, Kysely, MysqlDialect, PostgresDialect } from 'kysely'
import { createPool, type PoolConnection } from 'mysql2'
import pg, { type PoolClient } from 'pg'

import { isAssentError } from '../../src/index.ts'
import { mariadbSuite } from '../harness/mariadb.ts'
import { postgresSuite } from '../harness/postgres.ts'
import { behaviours } from './behaviours/all.ts'
import { oneObject } from './behaviours/one-object.ts'
import { type Items, type Library, type OwnPool, thrownBy } from './library.ts'
import { mariadbShop } from './mariadb.ts'
import { kyselyOver, placeOrder, type Tables } from './pages/kysely.ts'
import { kyselyOver as mysqlKyselyOver } from './pages/kysely-mysql.ts'
import { postgresShop } from './postgres.ts'

function itemsOf(db: Kysely<Tables>): Items {
  const sorted = db.selectFrom('item').select('name').orderBy('id')
  return {
    add: (id, name) => db.insertInto('item').values({ id, name }).execute(),
    rename: (id, name) => db.updateTable('item').set({ name }).where('id', '=', id).execute(),
    names: async () => (await sorted.execute()).map(({ name }) => name),
    send: (text) => db.executeQuery(CompiledQuery.raw(text)),
    transaction: (work) => begun(db, work),
    serializable: (work) =>
      db
        .transaction()
        .setIsolationLevel('serializable')
        .execute((own) => work(itemsOf(own))),
    async *each() {
      for await (const { name } of sorted.stream(1)) yield name
    },
  }
}

/** The controlled form of its transactions, because only that one nests. */
async function begun(db: Kysely<Tables>, work: (items: Items) => Promise<void>): Promise<void> {
  const own = await db.startTransaction().execute()
  const inside: Items = {
    ...itemsOf(own),
    transaction: async (inner) => {
      const point = await own.savepoint('inner').execute()
      try {
        await inner(itemsOf(point))
        await point.releaseSavepoint('inner').execute()
      } catch (error) {
        await point.rollbackToSavepoint('inner').execute()
        throw error
      }
    },
  }
  try {
    await work(inside)
    await own.commit().execute()
  } catch (error) {
    await own.rollback().execute()
    throw error
  }
}

/** A Kysely with a pool of its own, outside of any branch. */
function ownPool(dialect: Dialect): OwnPool {
  const db = new Kysely<Tables>({ dialect })
  return { query: () => db.selectFrom('item').selectAll().execute(), close: () => db.destroy() }
}

await postgresSuite('Kysely on PostgreSQL', (servers) => {
  const library: Library<PoolClient> = {
    secondTransaction: 'refused',
    items: (client) => itemsOf(kyselyOver(async () => client)),
    ownPool: (connectionString) => {
      const pool = new pg.Pool({ connectionString, max: 1 })
      return ownPool(new PostgresDialect({ pool }))
    },
  }
  const open = () => postgresShop(servers)
  behaviours(library, open, (shop) => {
    test('runs the code of its page: one Kysely for the program', async () => {
      await placeOrder(shop().coordinator, 1, 'chair')
      assert.deepEqual(await shop().seen(), { orders: ['chair'], stock: ['chair'] })
    })

    test('a stream that is left open is named, and the transaction rolls back', async () => {
      const thrown = await thrownBy(
        shop().coordinator.transaction(['orders', 'stock'], async ({ orders }) => {
          const items = itemsOf(kyselyOver(async () => orders))
          for (const id of [1, 2]) await items.add(id, `order ${id}`)
          const rows = items.each?.()[Symbol.asyncIterator]()
          assert.equal((await rows?.next())?.value, 'order 1')
        }),
      )
      assert.ok(isAssentError(thrown, 'ASSENT_WORK_NOT_AWAITED'), String(thrown))
      assert.match(thrown.fields.pending.join(), /^orders: left open: select "name"/)
      assert.deepEqual(await shop().seen(), { orders: [], stock: [] })
    })
    oneObject((coordinator) => itemsOf(kyselyOver(() => coordinator.join('orders'))), shop)
  })
})

await mariadbSuite('Kysely on MariaDB', (servers) => {
  const library: Library<PoolConnection> = {
    secondTransaction: 'refused',
    items: (client) => itemsOf(mysqlKyselyOver(async () => client)),
    ownPool: (uri) => {
      const pool = createPool({ uri, connectionLimit: 1 })
      return ownPool(new MysqlDialect({ pool }))
    },
  }
  const open = () => mariadbShop(servers)
  behaviours(library, open, (shop) => {
    oneObject((coordinator) => itemsOf(mysqlKyselyOver(() => coordinator.join('orders'))), shop)
  })
})
