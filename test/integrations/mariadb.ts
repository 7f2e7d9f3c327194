/** The shop over two MariaDB databases of one server, by a pool of mysql2 with callbacks. */
import type { Pool, PoolConnection } from 'mysql2'

import { mysql } from '../../src/mysql.ts'
import type { MariadbServers } from '../harness/mariadb.ts'
import { type Dialect, type Outside, Shop } from './shop.ts'

const dialect: Dialect = {
  conflict: `signal sqlstate '40001' set mysql_errno = 1213, message_text = 'made up'`,
  session: { set: 'set session sql_notes = 0', tell: '@@sql_notes', changed: '0' },
  uniqueViolation: /^(?:ER_DUP_ENTRY|1062)$/,
  refused: [
    { text: 'create temporary table mine (a int)', because: /belongs to the session/ },
    ...['create table mine (a int)', 'alter table item add more int', 'truncate table item'].map(
      (text) => ({ text, because: /commits the transaction that is open/ }),
    ),
    { text: 'lock tables item write', because: /commits the transaction that is open/ },
    { text: `xa start 'mine'`, because: /coordinator's to send/ },
    { text: 'set autocommit = 1', because: /autocommit is not to be set/ },
    { text: 'commit', because: /would end the branch/ },
    { text: 'rollback', because: /would end the branch/ },
    { text: 'set transaction read only', because: /pass the options/ },
    { text: 'savepoint assent_1', because: /are the coordinator's/ },
  ],
}

export async function mariadbShop(servers: MariadbServers): Promise<Shop<PoolConnection>> {
  const server = await servers.shared()
  const [ordersUrl, stockUrl] = [await servers.database(server), await servers.database(server)]
  const [orders, stock] = [servers.callbackPool(ordersUrl), servers.callbackPool(stockUrl)]
  const table = 'create table item (id int primary key, name varchar(100) not null) engine = innodb'
  for (const pool of [orders, stock]) await pool.promise().query(table)
  const resources = { orders: mysql(orders), stock: mysql(stock) }
  const outside = { orders: outsideOf(ordersUrl, orders), stock: outsideOf(stockUrl, stock) }
  return await Shop.open(resources, outside, dialect)
}

function outsideOf(url: string, callbackPool: Pool): Outside {
  const pool = callbackPool.promise()
  const ask = async (text: string): Promise<Record<string, unknown>[]> =>
    (await pool.query(text))[0] as Record<string, unknown>[]
  return {
    url,
    names: async () => (await ask('select name from item order by id')).map((row) => `${row.name}`),
    run: async (text) => void (await pool.query(text)),
    lock: async (id) => {
      const connection = await pool.getConnection()
      await connection.query('start transaction')
      await connection.query('select 1 from item where id = ? for update', [id])
      return async () => {
        await connection.query('rollback')
        connection.release()
      }
    },
    // Not of innodb_trx, which is read anew only where nobody has looked for a while.
    isUpdating: async () =>
      (await ask(`select 1 from information_schema.processlist where info like 'update%'`)).length >
      0,
    preparedCount: async () => (await ask('xa recover')).length,
  }
}
