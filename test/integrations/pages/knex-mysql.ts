/** The code of docs/integrations/knex.md for MariaDB and MySQL. */
import { callbackify } from 'node:util'
import knex, { type Knex } from 'knex'
import type { PoolConnection } from 'mysql2'

/** A Knex over the branch that `connect` answers. */
export function knexOver(connect: () => Promise<PoolConnection>): Knex {
  const pool = { getConnection: callbackify(connect), end: () => undefined }
  return knex({ client: 'mysql2', connectionPool: pool })
}
