/** Knex in a branch. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import knex, { type Knex } from 'knex'
import type { PoolConnection } from 'mysql2'
import type { PoolClient } from 'pg'

import { mariadbSuite } from '../harness/mariadb.ts'
import { postgresSuite } from '../harness/postgres.ts'
import { behaviours } from './behaviours/all.ts'
import { oneObject } from './behaviours/one-object.ts'
import type { Items, Library, OwnPool } from './library.ts'
import { mariadbShop } from './mariadb.ts'
import { knexOver, placeOrder } from './pages/knex.ts'
import { knexOver as mysqlKnexOver } from './pages/knex-mysql.ts'
import { postgresShop } from './postgres.ts'

function itemsOf(db: Knex): Items {
  return {
    add: async (id, name) => await db('item').insert({ id, name }),
    rename: async (id, name) => await db('item').where({ id }).update({ name }),
    names: async () => await db('item').orderBy('id').pluck('name'),
    send: async (text) => await db.raw(text),
    transaction: (work) => db.transaction((own) => work(itemsOf(own))),
    serializable: (work) =>
      db.transaction((own) => work(itemsOf(own)), { isolationLevel: 'serializable' }),
  }
}

async function* streamed(db: Knex): AsyncIterable<string> {
  for await (const { name } of db('item').select('name').orderBy('id').stream()) yield name
}

/** A Knex with a pool of its own, outside of any branch. */
function ownPool(client: 'pg' | 'mysql2', connection: string): OwnPool {
  const db = knex({ client, connection, pool: { min: 0, max: 1 } })
  return { query: async () => await db('item').select(), close: () => db.destroy() }
}

await postgresSuite('Knex on PostgreSQL', (servers) => {
  const library: Library<PoolClient> = {
    secondTransaction: 'refused',
    items: (client) => itemsOf(knexOver(async () => client)),
    ownPool: (url) => ownPool('pg', url),
  }
  const open = () => postgresShop(servers)
  behaviours(library, open, (shop) => {
    test('runs the code of its page: one Knex for the program', async () => {
      await placeOrder(shop().coordinator, 1, 'chair')
      assert.deepEqual(await shop().seen(), { orders: ['chair'], stock: ['chair'] })
    })
    oneObject((coordinator) => itemsOf(knexOver(() => coordinator.join('orders'))), shop)
  })
})

await mariadbSuite('Knex on MariaDB', (servers) => {
  const library: Library<PoolConnection> = {
    secondTransaction: 'refused',
    items: (client) => {
      const db = mysqlKnexOver(async () => client)
      return { ...itemsOf(db), each: () => streamed(db) }
    },
    ownPool: (url) => ownPool('mysql2', url),
  }
  const open = () => mariadbShop(servers)
  behaviours(library, open, (shop) => {
    oneObject((coordinator) => itemsOf(mysqlKnexOver(() => coordinator.join('orders'))), shop)
  })
})
