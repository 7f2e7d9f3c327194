/**
 * The start of a branch on a session: BEGIN with explicit modes, limits from the time left, and
 * durability; in one round trip once the session is known, or in none: with the first statement.
 *
 * Keeps A5: a branch begins only when the server's tags and status show that it did. What a session
 * has by default is learned on first sight; what may have changed since and safety rests on (which
 * server process it is, its `synchronous_commit`) is asked each time.
 */
import { invariant } from '../../core/invariant.ts'
import type { Timers } from '../../core/ports.ts'
import { within } from '../sql/deadline.ts'
import type { ServerSession } from './delivery.ts'
import { fieldOf, type PgResult } from './driver.ts'
import { sqlState, sqlStateOf } from './failures.ts'
import type { IsolationLevel } from './options.ts'
import {
  forgetNames,
  keepsNames,
  type PipelineAnswer,
  type PipelineStatement,
  queryClassOf,
  sendPipeline,
} from './pipeline.ts'
import type { Session } from './session.ts'
import {
  askSession,
  beginWith,
  durableLevels,
  learnSession,
  ownBegin,
  settleSession,
} from './sql.ts'

export interface Modes {
  readonly isolation: IsolationLevel
  readonly readOnly: boolean
}

export interface BeginningOptions extends Modes {
  readonly timeLeftMs: number
}

export interface Begun {
  readonly serverSession: ServerSession
  /** The session's own `synchronous_commit`, where it is weaker than `on`. */
  readonly weakDurability: string | undefined
}

/** A BEGIN that was answered, with the queries behind it. */
export interface Ridden extends PipelineAnswer {
  readonly begun: Begun
}

/** What a session has by itself; limits in milliseconds, 0 for none. */
interface SessionFacts {
  readonly pid: string
  readonly started: string | undefined
  readonly lockMs: number
  readonly statementMs: number
  readonly idleMs: number
  readonly durability: string
}

/** The engine's own time-out comes first; the server's only frees what a hung process holds. */
const idleGraceMs = 5_000
const raiseDurability = 'set local synchronous_commit = on'

export class Beginnings {
  readonly #timers: Timers
  readonly #known = new WeakMap<object, SessionFacts>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Begins; rejects when it did not, and the session is then to be closed. */
  async begin(session: Session, options: BeginningOptions): Promise<Begun> {
    const known = this.#known.get(session.client)
    const facts =
      known === undefined
        ? await this.#beginUnknown(session, options)
        : await this.#beginKnown(session, options, known)
    return this.#remember(session, facts)
  }

  /** Learns what a session has by itself, so that a BEGIN can share its message on it. */
  async learn(session: Session, limitMs: number): Promise<void> {
    if (this.#known.has(session.client)) return
    this.#remember(session, readFacts(await this.#send(session, limitMs, learnSession)))
  }

  /** Whether a BEGIN can share its message: on a session that is known, by a driver that can. */
  canRide({ client }: Session): boolean {
    return this.#known.has(client) && queryClassOf(client) !== undefined
  }

  /** Which server process the session was last seen in. */
  sessionOf({ client }: Session): ServerSession {
    const { pid, started } = this.#known.get(client) ?? { pid: '0', started: undefined }
    return { pid, started }
  }

  /** The `synchronous_commit` that it was last seen with, where that is weaker than `on`. */
  weakDurabilityOf({ client }: Session): string | undefined {
    const known = this.#known.get(client)
    return known === undefined ? undefined : weakDurability(known)
  }

  /**
   * Begins with `statements` in the same message, and answers theirs. Rejects when it did not begin;
   * then they were not run either.
   */
  ride(
    session: Session,
    options: BeginningOptions,
    statements: readonly PipelineStatement[],
  ): Promise<Ridden> {
    const { client } = session
    const known = this.#known.get(client)
    const Query = queryClassOf(client)
    invariant(known !== undefined && Query !== undefined, 'A5', 'BEGIN rides on a known session')
    const { isolation, readOnly, timeLeftMs } = options
    const message = [
      ownBegin(isolation, readOnly),
      settleSession(limitValues(known, timeLeftMs)),
      ...statements,
    ]
    const send = (): Promise<PipelineAnswer> => sendPipeline(client, Query, message)
    return send().then((answer) =>
      keepsNames(client) && isForgotten(answer)
        ? this.#again(session, known, send)
        : this.#ridden(session, known, answer),
    )
  }

  /**
   * The session does not keep our statements: sends all with their texts. Under one Sync nothing was
   * run behind the failure, and no COMMIT or PREPARE before it: so it may be sent again.
   */
  async #again(
    session: Session,
    known: SessionFacts,
    send: () => Promise<PipelineAnswer>,
  ): Promise<Ridden> {
    forgetNames(session.client)
    await session.send('rollback')
    return this.#ridden(session, known, await send())
  }

  /** At once, but for a session that is another than before. */
  #ridden(session: Session, known: SessionFacts, answer: PipelineAnswer): Ridden | Promise<Ridden> {
    const { results, failure } = answer
    const [begin, settled] = results
    if (begin?.command !== 'BEGIN' || settled?.command !== 'SELECT') {
      throw failure?.cause ?? notBegun(results, session.status)
    }
    const [pid = '0', durability = 'off'] = String(settled.rows[0]?.value).split(' ')
    if (pid !== known.pid) return this.#moved(session, { ...known, pid, durability }, answer)
    const isSame = durability === known.durability
    const begun = isSame ? begunOn(known) : this.#remember(session, { ...known, durability })
    return { begun, results: results.slice(2), failure }
  }

  /** Another server process is behind the same connection: there is a pooler between. */
  async #moved(
    session: Session,
    facts: SessionFacts,
    { results, failure }: PipelineAnswer,
  ): Promise<Ridden> {
    forgetNames(session.client)
    const { started } = readFacts(await session.send(learnSession))
    const begun = this.#remember(session, { ...facts, started })
    return { begun, results: results.slice(2), failure }
  }

  #remember({ client }: Session, facts: SessionFacts): Begun {
    this.#known.set(client, facts)
    return begunOn(facts)
  }

  async #beginUnknown(session: Session, options: BeginningOptions): Promise<SessionFacts> {
    const { isolation, readOnly, timeLeftMs } = options
    const text = [beginWith(isolation, readOnly), learnSession].join('; ')
    const results = await this.#send(session, timeLeftMs, text)
    refuseUnlessBegun(session, results)
    const facts = readFacts(results)
    const limits = limitsFor(facts, timeLeftMs).join('; ')
    if (limits !== '') await this.#send(session, timeLeftMs, limits)
    return facts
  }

  async #beginKnown(
    session: Session,
    options: BeginningOptions,
    known: SessionFacts,
  ): Promise<SessionFacts> {
    const { isolation, readOnly, timeLeftMs } = options
    const texts = [beginWith(isolation, readOnly), askSession, ...limitsFor(known, timeLeftMs)]
    const results = await this.#send(session, timeLeftMs, texts.join('; '))
    refuseUnlessBegun(session, results)
    const { pid, durability } = readFacts(results)
    if (durability !== known.durability && !durableLevels.includes(durability)) {
      await this.#send(session, timeLeftMs, raiseDurability)
    }
    if (pid === known.pid) return { ...known, durability }
    // Another server process behind the same connection: there is a pooler between.
    const { started } = readFacts(await this.#send(session, timeLeftMs, learnSession))
    return { ...known, pid, started, durability }
  }

  #send(session: Session, limitMs: number, text: string): Promise<readonly PgResult[]> {
    return within(this.#timers, limitMs, 'BEGIN', session.send(text))
  }
}

function refuseUnlessBegun({ status }: Session, results: readonly PgResult[]): void {
  const tags = results.map((result) => result.command)
  if (tags[0] === 'BEGIN' && tags[1] === 'SELECT' && (status ?? 'T') === 'T') return
  throw notBegun(results, status)
}

function notBegun(results: readonly PgResult[], status: string | undefined): Error {
  const tags = results.map((result) => result.command).join(', ')
  return new Error(`BEGIN was answered ${tags || 'nothing'}, with the status ${status}`)
}

function begunOn(facts: SessionFacts): Begun {
  const { pid, started } = facts
  return { serverSession: { pid, started }, weakDurability: weakDurability(facts) }
}

/** Whether the session does not keep a statement that was sent under a name, or another of it. */
function isForgotten({ failure }: PipelineAnswer): boolean {
  if (failure?.isAnswer !== true) return false
  const state = sqlStateOf(failure.cause)
  return state === sqlState.noSuchStatement || state === sqlState.statementExists
}

function readFacts(results: readonly PgResult[]): SessionFacts {
  return {
    pid: fieldOf(results, 'pid') ?? '0',
    started: fieldOf(results, 'started'),
    lockMs: Number(fieldOf(results, 'lock') ?? 0),
    statementMs: Number(fieldOf(results, 'statement') ?? 0),
    idleMs: Number(fieldOf(results, 'idle') ?? 0),
    durability: fieldOf(results, 'durability') ?? 'off',
  }
}

function weakDurability({ durability }: SessionFacts): string | undefined {
  return durableLevels.includes(durability) ? undefined : durability
}

type Limit = readonly [name: string, ownMs: number, limitMs: number]

function limitsOf(facts: SessionFacts, timeLeftMs: number): readonly Limit[] {
  const leftMs = Math.max(1, Math.floor(timeLeftMs))
  return [
    ['lock_timeout', facts.lockMs, leftMs],
    ['statement_timeout', facts.statementMs, leftMs],
    ['idle_in_transaction_session_timeout', facts.idleMs, leftMs + idleGraceMs],
  ]
}

/** A session's own limit stays where it is stricter. */
function isStricter([, ownMs, limitMs]: Limit): boolean {
  return ownMs === 0 || ownMs > limitMs
}

/** The limits of one transaction, as statements. */
function limitsFor(facts: SessionFacts, timeLeftMs: number): string[] {
  const texts = limitsOf(facts, timeLeftMs)
    .filter(isStricter)
    .map(([name, , limitMs]) => `set local ${name} = ${limitMs}`)
  if (!durableLevels.includes(facts.durability)) texts.push(raiseDurability)
  return texts
}

/** The same, as the values that `settleSession` takes. */
function limitValues(facts: SessionFacts, timeLeftMs: number): string[] {
  return limitsOf(facts, timeLeftMs).map((limit) => {
    const [, ownMs, limitMs] = limit
    return String(isStricter(limit) ? limitMs : ownMs)
  })
}
