/**
 * The start of a branch on a session: limits from the time left, modes, and XA START; in one round
 * trip on MariaDB once the session is known.
 *
 * Keeps A5: a branch begins only when the server's status shows that it did. The user's first statement
 * is not sent with it: after an XA START that failed it would commit by itself.
 */
import type { Timers } from '../../core/ports.ts'
import { within } from '../sql/deadline.ts'
import type { IsolationLevel } from '../sql/isolation.ts'
import { fieldOf } from './asking.ts'
import { statusFlags } from './driver.ts'
import type { Flavour } from './server.ts'
import { readVariables } from './server.ts'
import type { Session } from './session.ts'
import { learnSession, openBranch, type SessionValues, showUptime } from './sql.ts'

export interface BeginningOptions {
  readonly flavour: Flavour
  /** Undefined for a transaction that can't prepare. */
  readonly xid: string | undefined
  readonly isolation: IsolationLevel
  readonly readOnly: boolean
  readonly timeLeftMs: number
}

/** Which connection of which run of the server a branch is on. */
export interface ServerSession {
  readonly thread: number
  /** When the server was started, seconds since the epoch by its own clock, give or take one. */
  readonly serverStarted: number
}

export interface Begun {
  readonly serverSession: ServerSession
  /** What the session had before the branch's limits were set. */
  readonly own: SessionValues
  /** Whether the server holds the transaction to reading. */
  readonly isHeldToReading: boolean
}

/** What a session has by itself; limits in seconds (MySQL: of statements in milliseconds), 0: none. */
interface SessionFacts extends ServerSession {
  /** On rows, and on what protects the whole of a table or server, such as a backup's lock. */
  readonly lockWait: number
  readonly metadataWait: number
  readonly statement: number
  readonly idle: number
  readonly isAutocommitOff: boolean
  /** What the server tells of changes of the session. */
  readonly trackedVariables: string
  readonly trackedState: number
}

/** The engine's own time-out comes first; the server's only frees what a hung process holds. */
const idleGraceSeconds = 5

export class Beginnings {
  readonly #timers: Timers
  readonly #known = new WeakMap<object, SessionFacts>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Begins; rejects when it did not, and the session is then to be closed. */
  async begin(session: Session, options: BeginningOptions): Promise<Begun> {
    const { flavour, xid, isolation, readOnly, timeLeftMs } = options
    const facts = this.#known.get(session.connection) ?? (await this.#learn(session, options))
    this.#known.set(session.connection, facts)
    const { limits, own } = limitsFor(flavour, facts, timeLeftMs)
    const { isAutocommitOff } = facts
    const texts = openBranch({ flavour, xid, isolation, readOnly, limits, isAutocommitOff })
    const { header } = await within(this.#timers, timeLeftMs, 'XA START', session.sendAll(texts))
    const status = header?.serverStatus ?? 0
    if ((status & statusFlags.inTransaction) === 0) {
      throw new Error(`the server did not begin the transaction; its status is ${status}`)
    }
    const { thread, serverStarted } = facts
    const isHeldToReading = (status & statusFlags.readOnlyTransaction) !== 0
    return { serverSession: { thread, serverStarted }, own, isHeldToReading }
  }

  #learn(session: Session, { flavour, timeLeftMs }: BeginningOptions): Promise<SessionFacts> {
    const asked = async (): Promise<SessionFacts> => {
      const found = await session.send(learnSession(flavour))
      const uptime = readVariables((await session.send(showUptime)).rows).get('uptime')
      const number = (name: string): number => Number(fieldOf(found, name) ?? 0)
      return {
        thread: number('thread'),
        serverStarted: number('now') - Number(uptime ?? 0),
        lockWait: number('lockWait'),
        metadataWait: number('metadataWait'),
        statement: number('statement'),
        idle: number('idle'),
        isAutocommitOff: number('autocommit') === 0,
        trackedVariables: fieldOf(found, 'trackedVariables') ?? '',
        trackedState: number('trackedState'),
      }
    }
    return within(this.#timers, timeLeftMs, 'the session', asked())
  }
}

/** What a branch sets: limits, where the session's own are wider; and what was there before. */
function limitsFor(
  flavour: Flavour,
  facts: SessionFacts,
  timeLeftMs: number,
): { readonly limits: SessionValues; readonly own: SessionValues } {
  const leftSeconds = Math.max(1, Math.ceil(timeLeftMs / 1000))
  const ownLimits: readonly (readonly [name: string, own: number, limit: number])[] =
    flavour === 'mariadb'
      ? [
          ['max_statement_time', facts.statement, Math.max(1, Math.ceil(timeLeftMs)) / 1000],
          ['idle_transaction_timeout', facts.idle, leftSeconds + idleGraceSeconds],
        ]
      : [['max_execution_time', facts.statement, Math.max(1, Math.ceil(timeLeftMs))]]
  const wider = [
    // For these two 0 is MariaDB's for not waiting at all, which is stricter than any limit.
    ...(
      [
        ['innodb_lock_wait_timeout', facts.lockWait, leftSeconds],
        ['lock_wait_timeout', facts.metadataWait, leftSeconds],
      ] as const
    ).filter(([, own, limit]) => own > limit),
    ...ownLimits.filter(([, own, limit]) => own === 0 || own > limit),
  ]
  return {
    limits: { ...Object.fromEntries(wider.map(([name, , limit]) => [name, limit])), ...tracked },
    own: {
      ...Object.fromEntries(wider.map(([name, own]) => [name, own])),
      ...trackedBefore(facts),
    },
  }
}

/**
 * Has the server tell, with the OK to a statement, whatever that changed of the session: also what a
 * procedure or a prepared text did, which the guard can't read.
 */
const tracked: SessionValues = {
  session_track_system_variables: `'*'`,
  session_track_state_change: 1,
}

function trackedBefore({ trackedVariables, trackedState }: SessionFacts): SessionValues {
  return {
    session_track_system_variables: `'${trackedVariables.replaceAll(/[^\w,*]/g, '')}'`,
    session_track_state_change: trackedState,
  }
}
