/** The shop over two PostgreSQL databases of one server. */
import type pg from 'pg'
import type { PoolClient } from 'pg'

import { postgres } from '../../src/postgres.ts'
import type { PostgresServers } from '../harness/postgres.ts'
import { type Dialect, type Outside, Shop } from './shop.ts'

const dialect: Dialect = {
  conflict: `do $$ begin raise exception 'made up' using errcode = '40001'; end $$`,
  session: {
    set: `set application_name = 'mine'`,
    tell: `current_setting('application_name')`,
    changed: 'mine',
  },
  uniqueViolation: /^23505$/,
  refused: [
    { text: 'create temporary table mine (a int)', because: /with a temporary object/ },
    { text: 'notify jobs', because: /with NOTIFY/ },
    { text: `select pg_notify('jobs', 'x')`, because: /with pg_notify/ },
    { text: 'commit', because: /would end the branch/ },
    { text: 'rollback', because: /would end the branch/ },
    { text: `prepare transaction 'mine'`, because: /coordinator's to send/ },
    { text: 'set transaction read only', because: /pass the options/ },
    { text: 'savepoint assent_1', because: /are the coordinator's/ },
  ],
}

export async function postgresShop(servers: PostgresServers): Promise<Shop<PoolClient>> {
  const server = await servers.shared()
  const [ordersUrl, stockUrl] = [await servers.database(server), await servers.database(server)]
  const [orders, stock] = [servers.pool(ordersUrl), servers.pool(stockUrl)]
  for (const pool of [orders, stock]) {
    await pool.query('create table item (id int primary key, name text not null)')
  }
  const resources = { orders: postgres(orders), stock: postgres(stock) }
  const outside = { orders: outsideOf(ordersUrl, orders), stock: outsideOf(stockUrl, stock) }
  return await Shop.open(resources, outside, dialect)
}

function outsideOf(url: string, pool: pg.Pool): Outside {
  const ask = async <Row extends pg.QueryResultRow>(text: string): Promise<Row[]> =>
    (await pool.query<Row>(text)).rows
  return {
    url,
    names: async () =>
      (await ask<{ name: string }>('select name from item order by id')).map(({ name }) => name),
    run: async (text) => void (await pool.query(text)),
    lock: async (id) => {
      const client = await pool.connect()
      await client.query('begin')
      await client.query('select from item where id = $1 for update', [id])
      return async () => {
        await client.query('rollback')
        client.release()
      }
    },
    isUpdating: async () =>
      (
        await ask(`select from pg_stat_activity where state = 'active' and query ilike 'update%'
        and datname = current_database()`)
      ).length > 0,
    preparedCount: async () =>
      (await ask('select from pg_prepared_xacts where database = current_database()')).length,
  }
}
