/** The options of `postgres(pool, options)`, checked once. */
import { type CommonSettings, commonOptions, readCommon } from '../sql/common-options.ts'
import { type IsolationLevel, readIsolation as readIsolationOf } from '../sql/isolation.ts'
import { refuseOption, refuseUnknown } from '../sql/options.ts'
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
  /** The isolation of transactions that ask for none; by default the database's own setting. */
  readonly defaultIsolation?: IsolationLevel
}

export interface Settings extends CommonSettings<Recovery> {
  readonly allowFsyncOff: boolean
}

type Recovery = NonNullable<PostgresOptions['recovery']>

const known: ReadonlySet<string> = new Set([...commonOptions, 'allowUnsafe'])

export function readOptions(options: PostgresOptions): Settings {
  refuseUnknown('postgres', options, known)
  for (const danger of options.allowUnsafe ?? []) {
    if (danger !== 'fsync-off')
      refuseOption('allowUnsafe', "postgres: allowUnsafe takes 'fsync-off'")
  }
  const allowFsyncOff = options.allowUnsafe?.includes('fsync-off') === true
  return { ...readCommon<Recovery>('postgres', options), allowFsyncOff }
}

/** PostgreSQL gives `read committed` for `read uncommitted`, too. */
export function readIsolation(text: string, option?: string): IsolationLevel {
  return readIsolationOf('postgres', text, option)
}
