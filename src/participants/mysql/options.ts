/** The options of `mysql(pool, options)`, checked once. */
import { type IsolationLevel, readIsolation as readIsolationOf } from '../sql/isolation.ts'
import { readCount, refuseOption, refuseUnknown } from '../sql/options.ts'
import type { MysqlOwnClientShape, MysqlPool } from './driver.ts'

export type { IsolationLevel }

/** Dangers that can be accepted by name. */
const dangers = ['unflushed-log', 'unsynced-binlog'] as const

export type MysqlDanger = (typeof dangers)[number]

export interface MysqlOptions {
  /**
   * Where connections of Assent's own come from: another pool, or a function that opens one. By
   * default they are made as the given pool makes its own, and never taken out of it.
   */
  readonly recovery?: MysqlPool<unknown> | (() => Promise<MysqlOwnClientShape>)
  /** How many connections of our own there are at most; 2 by default. */
  readonly recoveryConnections?: number
  /** How long one answer of the server is waited for, outside the user's own work; 10 s by default. */
  readonly answerTimeoutMs?: number
  /** The database takes part without preparing: at most one such in a transaction. */
  readonly lastResource?: boolean
  /** Dangers that are accepted by name. */
  readonly allowUnsafe?: readonly MysqlDanger[]
  /** The isolation of transactions that ask for none; by default the server's own setting. */
  readonly defaultIsolation?: IsolationLevel
  /**
   * What tells this server from every other, where what it says of itself changes (MariaDB in
   * containers); 1 to 60 characters. The same for as long as its data is.
   */
  readonly serverIdentity?: string
}

export interface Settings {
  readonly recovery: MysqlOptions['recovery']
  readonly recoveryConnections: number
  readonly answerTimeoutMs: number
  readonly lastResource: boolean
  readonly allowed: ReadonlySet<MysqlDanger>
  readonly defaultIsolation: IsolationLevel | undefined
  readonly serverIdentity: string | undefined
}

const known: ReadonlySet<string> = new Set([
  'recovery',
  'recoveryConnections',
  'answerTimeoutMs',
  'lastResource',
  'allowUnsafe',
  'defaultIsolation',
  'serverIdentity',
])

export function readOptions(options: MysqlOptions): Settings {
  refuseUnknown('mysql', options, known)
  for (const danger of options.allowUnsafe ?? []) {
    if (!dangers.includes(danger)) {
      refuseOption('allowUnsafe', `mysql: allowUnsafe takes ${dangers.join(', ')}`)
    }
  }
  const { serverIdentity } = options
  if (serverIdentity !== undefined && !/^[\w.:-]{1,60}$/.test(serverIdentity)) {
    refuseOption(
      'serverIdentity',
      'mysql: serverIdentity takes 1 to 60 letters, digits and any of . : _ -',
    )
  }
  return {
    recovery: options.recovery,
    recoveryConnections: count('recoveryConnections', options.recoveryConnections ?? 2, 100),
    answerTimeoutMs: count('answerTimeoutMs', options.answerTimeoutMs ?? 10_000, 600_000),
    lastResource: options.lastResource === true,
    allowed: new Set(options.allowUnsafe),
    defaultIsolation:
      options.defaultIsolation === undefined
        ? undefined
        : readIsolation(options.defaultIsolation, 'defaultIsolation'),
    serverIdentity,
  }
}

export function readIsolation(text: string, option?: string): IsolationLevel {
  return readIsolationOf('mysql', text, option)
}

function count(name: string, value: number, max: number): number {
  return readCount('mysql', name, value, max)
}
