/** `assent/postgres`: PostgreSQL databases as participants, over node-postgres. */
export type {
  PgClientShape,
  PgOwnClientShape,
  PgPool,
  PgResult,
} from './participants/postgres/driver.ts'
export type { IsolationLevel, PostgresOptions } from './participants/postgres/options.ts'
export { postgres } from './participants/postgres/participant.ts'
