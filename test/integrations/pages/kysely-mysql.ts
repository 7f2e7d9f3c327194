/** The code of docs/integrations/kysely.md for MariaDB and MySQL. */
import { callbackify } from 'node:util'
import { Kysely, MysqlDialect } from 'kysely'
import type { PoolConnection } from 'mysql2'
import type { Tables } from './kysely.ts'

/** A Kysely over the branch that `connect` answers. */
export function kyselyOver(connect: () => Promise<PoolConnection>): Kysely<Tables> {
  const end = (done: (error: unknown) => void): void => done(null)
  const pool = { getConnection: callbackify(connect), end }
  return new Kysely<Tables>({ dialect: new MysqlDialect({ pool }) })
}
