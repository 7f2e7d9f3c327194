/** `assent/mysql`: MariaDB and MySQL databases as participants, over mysql2. */
export type { MysqlResult } from './participants/mysql/batch.ts'
export type {
  MysqlCallbackPool,
  MysqlClientShape,
  MysqlOwnClientShape,
  MysqlPool,
  MysqlPromisePool,
} from './participants/mysql/driver.ts'
export type { IsolationLevel, MysqlDanger, MysqlOptions } from './participants/mysql/options.ts'
export { mysql } from './participants/mysql/participant.ts'
