/**
 * The start of a branch on a session: limits from the time left, modes, and XA START; on MariaDB
 * written at once, or in one round trip, when the session is known.
 *
 * Keeps A5: a branch begins only when the server's status shows that it did.
 */
import { invariant } from '../../core/invariant.ts'
import type { Timers } from '../../core/ports.ts'
import { within } from '../sql/deadline.ts'
import type { IsolationLevel } from '../sql/isolation.ts'
import { fieldOf } from './asking.ts'
import { type MysqlConnection, type MysqlHeader, statusFlags } from './driver.ts'
import { OwnCommand } from './own-command.ts'
import { RestingSettings } from './resting-settings.ts'
import type { Flavour } from './server.ts'
import { readVariables } from './server.ts'
import type { Session } from './session.ts'
import {
  learnSession,
  openBranch,
  rollBackAny,
  type SessionValues,
  settleSession,
  setValues,
  showUptime,
  startXa,
} from './sql.ts'
import { wireOf } from './wire.ts'

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
  /** The modes of its transactions; MariaDB's, as the server writes them. */
  readonly isolation: string
  readonly isReadOnly: boolean
  /** What the server tells of changes of the session. */
  readonly trackedVariables: string
  readonly trackedState: number
}

/** The engine's own time-out comes first; the server's only frees what a hung process holds. */
const idleGraceSeconds = 5

/** A connection that was seen before. */
interface Known {
  readonly facts: SessionFacts
  /** Where its driver lets us keep settings on it. */
  readonly resting: RestingSettings | undefined
}

export class Beginnings {
  readonly #timers: Timers
  readonly #known = new WeakMap<MysqlConnection, Known>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /**
   * Makes the session known: what is asked of it is asked on first sight, and again where others have
   * had it since, before settings of ours are put over theirs.
   */
  async learn(session: Session, options: BeginningOptions): Promise<void> {
    const { connection, sending } = session
    const known = this.#known.get(connection)
    known?.resting?.wake()
    if (known !== undefined && known.resting?.isUntouched !== false) return
    const { flavour, timeLeftMs } = options
    const facts = await within(this.#timers, timeLeftMs, 'the session', ask(session, flavour))
    const wire = sending === 'at-once' ? wireOf(connection) : undefined
    const resting = wire === undefined ? undefined : new RestingSettings(wire)
    this.#known.set(connection, { facts, resting })
  }

  /** Begins on a known session; rejects when it did not, and the session is then to be closed. */
  async begin(session: Session, options: BeginningOptions): Promise<Begun> {
    const { facts } = this.#knownOf(session)
    const { flavour, xid, isolation, readOnly, timeLeftMs } = options
    const { limits, own } = limitsFor(flavour, facts, timeLeftMs)
    const { isAutocommitOff } = facts
    const { sending } = session
    const texts = openBranch({ sending, xid, isolation, readOnly, limits, isAutocommitOff })
    const { header } = await within(this.#timers, timeLeftMs, 'XA START', session.sendAll(texts))
    return { ...readBegun(header), own }
  }

  /**
   * The commands that begin on a known session, to be written at once and with work behind them;
   * `begun` is called with the answer to the last one. Each is vital: where one fails, the connection
   * is to be closed, and what was behind it is rolled back with that (see `opening.ts`).
   */
  commands(
    session: Session,
    options: BeginningOptions,
    begun: (begun: Begun) => void,
  ): OwnCommand[] {
    const { facts, resting } = this.#knownOf(session)
    invariant(resting !== undefined && options.xid !== undefined, 'A5', 'XA START by itself')
    const { isolation, readOnly, timeLeftMs } = options
    const settings = settingsFor(facts, timeLeftMs)
    const [text = ''] = settleSession(settings, undefined)
    const isSame = resting.inForce === text
    const hasModes =
      resting.isUntouched &&
      facts.isolation === isolation.replace(' ', '-').toUpperCase() &&
      facts.isReadOnly === readOnly
    const modes = hasModes ? undefined : { isolation, readOnly }
    const texts = [
      // The modes are for what comes next, also where that is the end of a transaction that nobody began.
      ...(facts.isAutocommitOff ? [rollBackAny] : []),
      ...settleSession(isSame ? {} : settings, modes),
    ]
    const accept = (header: MysqlHeader): void => {
      resting.inForce = text
      begun({ ...readBegun(header), own: ownSettings(facts) })
    }
    return [
      // What keeps the work from committing by itself has to be in force before anything of it is sent.
      ...texts.map((each) => new OwnCommand({ text: each, isVital: true, isAwaited: !isSame })),
      new OwnCommand({ text: startXa(options.xid), isVital: true, accept }),
    ]
  }

  /** Gives a session back whose branch is over; `begun` is undefined where none was begun. */
  giveBack(session: Session, begun: Begun | undefined): void {
    const { facts, resting } = this.#knownOf(session)
    const [restore = ''] = setValues(ownSettings(facts))
    if (resting === undefined)
      return session.giveBack(begun === undefined ? [] : setValues(begun.own))
    if (session.lost === undefined) resting.rest(restore)
    if (begun === undefined) session.giveBackUnused()
    else session.giveBack([])
  }

  /** Which connection of which run of the server a known session is. */
  serverSessionOf(session: Session): ServerSession {
    const { thread, serverStarted } = this.#knownOf(session).facts
    return { thread, serverStarted }
  }

  #knownOf({ connection }: Session): Known {
    const known = this.#known.get(connection)
    invariant(known !== undefined, 'A5', 'a branch begins on a session that is known')
    return known
  }
}

async function ask(session: Session, flavour: Flavour): Promise<SessionFacts> {
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
    isolation: fieldOf(found, 'isolation') ?? '',
    isReadOnly: number('readOnly') !== 0,
    trackedVariables: fieldOf(found, 'trackedVariables') ?? '',
    trackedState: number('trackedState'),
  }
}

/** What the server's answer says of the transaction; throws where it began none. */
function readBegun(header: MysqlHeader | undefined): Omit<Begun, 'own'> {
  const status = header?.serverStatus ?? 0
  if ((status & statusFlags.inTransaction) === 0) {
    throw new Error(`the server did not begin the transaction; its status is ${status}`)
  }
  return { isHeldToReading: (status & statusFlags.readOnlyTransaction) !== 0 }
}

/** Limits are told in whole seconds where there are some left: most branches then have the same. */
const wholeSecondsFromMs = 5_000

/**
 * All that a branch has set on MariaDB, the same variables each time. Without autocommit what runs where
 * no branch was begun is committed by nobody.
 */
function settingsFor(facts: SessionFacts, timeLeftMs: number): SessionValues {
  const seconds = Math.max(1, Math.ceil(timeLeftMs / 1000))
  const isLong = timeLeftMs >= wholeSecondsFromMs
  const statement = isLong ? seconds : Math.max(1, Math.ceil(timeLeftMs)) / 1000
  const strict = (own: number, limit: number): number => (own === 0 || own > limit ? limit : own)
  return {
    // For these two 0 is MariaDB's for not waiting at all, which is stricter than any limit.
    innodb_lock_wait_timeout: Math.min(facts.lockWait, seconds),
    lock_wait_timeout: Math.min(facts.metadataWait, seconds),
    max_statement_time: strict(facts.statement, statement),
    idle_transaction_timeout: strict(facts.idle, seconds + idleGraceSeconds),
    ...tracked,
    autocommit: 0,
  }
}

/** What the session had before, by the same names. */
function ownSettings(facts: SessionFacts): SessionValues {
  return {
    innodb_lock_wait_timeout: facts.lockWait,
    lock_wait_timeout: facts.metadataWait,
    max_statement_time: facts.statement,
    idle_transaction_timeout: facts.idle,
    ...trackedBefore(facts),
    autocommit: facts.isAutocommitOff ? 0 : 1,
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
