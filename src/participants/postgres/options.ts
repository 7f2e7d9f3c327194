/** The options of `postgres(pool, options)`, checked once. */
import { type CommonSettings, commonOptions, readCommon } from '../sql/common-options.ts'
import { type IsolationLevel, readIsolation as readIsolationOf } from '../sql/isolation.ts'
import { refuseOption, refuseUnknown } from '../sql/options.ts'
import { schemaByDefault } from './decisions/tables.ts'
import type { PgOwnClientShape, PgPool } from './driver.ts'

export type { IsolationLevel }

export interface PostgresOptions {
  /**
   * Where connections of Assent's own come from: another pool, or a function that opens one. By
   * default they are made as the given pool makes its own, and never taken out of it.
   */
  readonly recovery?: PgPool<unknown> | (() => Promise<PgOwnClientShape>)
  /** How many connections of our own there are at most; 2 by default. */
  readonly recoveryConnections?: number
  /** How long one answer of the server is waited for, outside the user's own work; 10 s by default. */
  readonly answerTimeoutMs?: number
  /** The database takes part without preparing: at most one such in a transaction. */
  readonly lastResource?: boolean
  /** Dangers that are accepted by name. */
  readonly allowUnsafe?: readonly 'fsync-off'[]
  /**
   * The schema of the tables that keep decisions, where the coordinator is told to keep them here; by
   * default `assent`.
   */
  readonly decisionSchema?: string
  /**
   * Whether sessions keep, under names that begin with `assent_`, the statements that are sent again
   * and again; by default true. Turn it off behind a pooler that gives a transaction any session and
   * can't tell names apart.
   */
  readonly keepStatements?: boolean
  /** The isolation of transactions that ask for none; by default the database's own setting. */
  readonly defaultIsolation?: IsolationLevel
}

export interface Settings extends CommonSettings<Recovery> {
  readonly allowFsyncOff: boolean
  readonly decisionSchema: string
  readonly keepStatements: boolean
}

type Recovery = NonNullable<PostgresOptions['recovery']>

const known: ReadonlySet<string> = new Set([
  ...commonOptions,
  'allowUnsafe',
  'decisionSchema',
  'keepStatements',
])

export function readOptions(options: PostgresOptions): Settings {
  refuseUnknown('postgres', options, known)
  for (const danger of options.allowUnsafe ?? []) {
    if (danger !== 'fsync-off')
      refuseOption('allowUnsafe', "postgres: allowUnsafe takes 'fsync-off'")
  }
  const allowFsyncOff = options.allowUnsafe?.includes('fsync-off') === true
  const decisionSchema = readSchema(options.decisionSchema ?? schemaByDefault)
  const { keepStatements = true } = options
  if (typeof keepStatements !== 'boolean') {
    refuseOption('keepStatements', 'postgres: keepStatements takes true or false')
  }
  const common = readCommon<Recovery>('postgres', options)
  return { ...common, allowFsyncOff, decisionSchema, keepStatements }
}

function readSchema(name: string): string {
  if (/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(name)) return name
  return refuseOption(
    'decisionSchema',
    `postgres: decisionSchema is ${JSON.stringify(name)}; it takes a name of a-z, 0-9 and _ that ` +
      'does not begin with a digit or pg_',
  )
}

/** PostgreSQL gives `read committed` for `read uncommitted`, too. */
export function readIsolation(text: string, option?: string): IsolationLevel {
  return readIsolationOf('postgres', text, option)
}
