/** The options of `mysql(pool, options)`, checked once. */
import { type CommonSettings, commonOptions, readCommon } from '../sql/common-options.ts'
import { type IsolationLevel, readIsolation as readIsolationOf } from '../sql/isolation.ts'
import { refuseOption, refuseUnknown } from '../sql/options.ts'
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

export interface Settings extends CommonSettings<Recovery> {
  readonly allowed: ReadonlySet<MysqlDanger>
  readonly serverIdentity: string | undefined
}

type Recovery = NonNullable<MysqlOptions['recovery']>

const known: ReadonlySet<string> = new Set([...commonOptions, 'allowUnsafe', 'serverIdentity'])

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
  const allowed = new Set(options.allowUnsafe)
  return { ...readCommon<Recovery>('mysql', options), allowed, serverIdentity }
}

export function readIsolation(text: string, option?: string): IsolationLevel {
  return readIsolationOf('mysql', text, option)
}
