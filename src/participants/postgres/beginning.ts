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
import type { PgResult } from './driver.ts'
import { isForgotten } from './failures.ts'
import {
  type Begun,
  KnownSession,
  limitsFor,
  raiseDurability,
  readFacts,
  type SessionFacts,
} from './known-session.ts'
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
import { askSession, beginWith, durableLevels, learnSession, ownBegin } from './sql.ts'

export interface Modes {
  readonly isolation: IsolationLevel
  readonly readOnly: boolean
}

export interface BeginningOptions extends Modes {
  readonly timeLeftMs: number
}

export interface RidingOptions extends BeginningOptions {
  /** Whether the transaction is to get its xid at once: one that writes gets it anyway. */
  readonly takesXid: boolean
}

/** A BEGIN that was answered, with the queries behind it. */
export interface Ridden extends PipelineAnswer {
  readonly begun: Begun
  /** Where it was asked for. */
  readonly xid: string | undefined
}

export class Beginnings {
  readonly #timers: Timers
  readonly #known = new WeakMap<object, KnownSession>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Begins; rejects when it did not, and the session is then to be closed. */
  async begin(session: Session, options: BeginningOptions): Promise<Begun> {
    const known = this.#known.get(session.client)
    const facts =
      known === undefined
        ? await this.#beginUnknown(session, options)
        : await this.#beginKnown(session, options, known.facts)
    return this.#remember(session, facts).begun
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
    return this.#known.get(client)?.begun.serverSession ?? { pid: '0', started: undefined }
  }

  /** The `synchronous_commit` that it was last seen with, where that is weaker than `on`. */
  weakDurabilityOf({ client }: Session): string | undefined {
    return this.#known.get(client)?.begun.weakDurability
  }

  /**
   * Begins with `statements` in the same message, and answers theirs. Rejects when it did not begin;
   * then they were not run either.
   */
  ride(
    session: Session,
    options: RidingOptions,
    statements: readonly PipelineStatement[],
  ): Promise<Ridden> {
    const { client } = session
    const known = this.#known.get(client)
    const Query = queryClassOf(client)
    invariant(known !== undefined && Query !== undefined, 'A5', 'BEGIN rides on a known session')
    const { isolation, readOnly, timeLeftMs, takesXid } = options
    const settle = known.settle(timeLeftMs, takesXid)
    const message = [ownBegin(isolation, readOnly), settle, ...statements]
    const send = (): Promise<PipelineAnswer> => sendPipeline(client, Query, message)
    return send().then((answer) =>
      hasForgotten(answer) && keepsNames(client)
        ? this.#again(session, known, takesXid, send)
        : this.#ridden(session, known, takesXid, answer),
    )
  }

  /**
   * The session does not keep our statements: sends all with their texts. Under one Sync nothing was
   * run behind the failure, and no COMMIT or PREPARE before it: so it may be sent again.
   */
  async #again(
    session: Session,
    known: KnownSession,
    takesXid: boolean,
    send: () => Promise<PipelineAnswer>,
  ): Promise<Ridden> {
    forgetNames(session.client)
    await session.send('rollback')
    return this.#ridden(session, known, takesXid, await send())
  }

  /** At once, but for a session that is another than before. */
  #ridden(
    session: Session,
    known: KnownSession,
    takesXid: boolean,
    { results, failure }: PipelineAnswer,
  ): Ridden | Promise<Ridden> {
    const [begin, settled] = results
    if (begin?.command !== 'BEGIN' || settled?.command !== 'SELECT') {
      throw failure?.cause ?? notBegun(results, session.status)
    }
    const answer = String(settled.rows[0]?.value)
    const xid = takesXid ? wordOf(answer, 2) : undefined
    const rest = results.slice(2)
    if (known.isSame(answer)) return { begun: known.begun, xid, results: rest, failure }
    const [pid, durability] = [wordOf(answer, 0), wordOf(answer, 1)]
    const seen = this.#seenAnew(session, { ...known.facts, pid, durability }, known.facts.pid)
    return seen.then(({ begun }) => ({ begun, xid, results: rest, failure }))
  }

  /** Where it is another server process, there is a pooler between. */
  async #seenAnew(session: Session, facts: SessionFacts, pidBefore: string): Promise<KnownSession> {
    if (facts.pid === pidBefore) return this.#remember(session, facts)
    forgetNames(session.client)
    const { started } = readFacts(await session.send(learnSession))
    return this.#remember(session, { ...facts, started })
  }

  #remember({ client }: Session, facts: SessionFacts): KnownSession {
    const known = new KnownSession(facts)
    this.#known.set(client, known)
    return known
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
    forgetNames(session.client)
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

/** One word of what the session was asked for, by its place. */
function wordOf(answer: string, place: number): string {
  let start = 0
  for (let before = 0; before < place; before += 1) start = answer.indexOf(' ', start) + 1
  return answer.slice(start, answer.indexOf(' ', start))
}

/** Whether what failed is that the session does not keep our statements. */
function hasForgotten({ failure }: PipelineAnswer): boolean {
  return failure?.isAnswer === true && isForgotten(failure.cause)
}
