/** The options of `postgres(pool, options)`, checked once. */
import { type IsolationLevel, readIsolation as readIsolationOf } from '../sql/isolation.ts'
import { readCount, refuseOption, refuseUnknown } from '../sql/options.ts'
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

export interface Settings {
  readonly recovery: PostgresOptions['recovery']
  readonly recoveryConnections: number
  readonly answerTimeoutMs: number
  readonly lastResource: boolean
  readonly allowFsyncOff: boolean
  readonly defaultIsolation: IsolationLevel | undefined
}

const known: ReadonlySet<string> = new Set([
  'recovery',
  'recoveryConnections',
  'answerTimeoutMs',
  'lastResource',
  'allowUnsafe',
  'defaultIsolation',
])

export function readOptions(options: PostgresOptions): Settings {
  refuseUnknown('postgres', options, known)
  for (const danger of options.allowUnsafe ?? []) {
    if (danger !== 'fsync-off')
      refuseOption('allowUnsafe', "postgres: allowUnsafe takes 'fsync-off'")
  }
  return {
    recovery: options.recovery,
    recoveryConnections: count(options, 'recoveryConnections', 2, 100),
    answerTimeoutMs: count(options, 'answerTimeoutMs', 10_000, 600_000),
    lastResource: options.lastResource === true,
    allowFsyncOff: options.allowUnsafe?.includes('fsync-off') === true,
    defaultIsolation:
      options.defaultIsolation === undefined
        ? undefined
        : readIsolation(options.defaultIsolation, 'defaultIsolation'),
  }
}

/** PostgreSQL gives `read committed` for `read uncommitted`, too. */
export function readIsolation(text: string, option?: string): IsolationLevel {
  return readIsolationOf('postgres', text, option)
}

function count(
  options: PostgresOptions,
  name: 'recoveryConnections' | 'answerTimeoutMs',
  byDefault: number,
  max: number,
): number {
  return readCount('postgres', name, options[name] ?? byDefault, max)
}
