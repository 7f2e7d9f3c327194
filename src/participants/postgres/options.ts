/** The options of `postgres(pool, options)`, checked once. */
import { AssentError } from '../../core/errors.ts'
import type { PgOwnClientShape, PgPool } from './driver.ts'

export type IsolationLevel =
  | 'read uncommitted'
  | 'read committed'
  | 'repeatable read'
  | 'serializable'

/** From the weakest to the strongest. PostgreSQL gives `read committed` for the first two. */
export const isolationLevels: readonly IsolationLevel[] = [
  'read uncommitted',
  'read committed',
  'repeatable read',
  'serializable',
]

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
  for (const name of Object.keys(options)) {
    if (!known.has(name)) refuse(name, `postgres: there is no option ${JSON.stringify(name)}`)
  }
  for (const danger of options.allowUnsafe ?? []) {
    if (danger !== 'fsync-off') refuse('allowUnsafe', "postgres: allowUnsafe takes 'fsync-off'")
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

/** An isolation level in any usual spelling: `serializable`, `REPEATABLE READ`, `read-committed`. */
export function readIsolation(text: string, option = 'isolation'): IsolationLevel {
  const spelt = text.toLowerCase().replaceAll(/[\s_-]+/g, ' ')
  const level = isolationLevels.find((each) => each === spelt)
  if (level !== undefined) return level
  return refuse(
    option,
    `postgres: ${option} is ${JSON.stringify(text)}; it can be ${isolationLevels.join(', ')}`,
  )
}

function count(
  options: PostgresOptions,
  name: 'recoveryConnections' | 'answerTimeoutMs',
  byDefault: number,
  max: number,
): number {
  const value = options[name] ?? byDefault
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  return refuse(name, `postgres: ${name} is ${String(value)}; it takes 1 to ${max}`)
}

function refuse(option: string, message: string): never {
  throw new AssentError('ASSENT_INVALID_OPTION', message, { option })
}
