/**
 * The start of a branch on a session: BEGIN with explicit modes, limits from the time left, and
 * durability, in one round trip once the session is known.
 *
 * Keeps A5: a branch begins only when the server's tags and status show that it did. What a session
 * has by default is learned on first sight; what may have changed since and safety rests on (which
 * server process it is, its `synchronous_commit`) is asked each time.
 */
import type { Timers } from '../../core/ports.ts'
import { within } from './deadline.ts'
import type { ServerSession } from './delivery.ts'
import { fieldOf, type PgResult } from './driver.ts'
import type { IsolationLevel } from './options.ts'
import type { Session } from './session.ts'
import { askSession, beginWith, durableLevels, learnSession } from './sql.ts'

export interface BeginningOptions {
  readonly isolation: IsolationLevel
  readonly readOnly: boolean
  readonly timeLeftMs: number
}

export interface Begun {
  readonly serverSession: ServerSession
  /** The session's own `synchronous_commit`, where it is weaker than `on`. */
  readonly weakDurability: string | undefined
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
    this.#known.set(session.client, facts)
    const { pid, started, durability } = facts
    return {
      serverSession: { pid, started },
      weakDurability: durableLevels.includes(durability) ? undefined : durability,
    }
  }

  async #beginUnknown(session: Session, options: BeginningOptions): Promise<SessionFacts> {
    const { isolation, readOnly, timeLeftMs } = options
    const text = beginWith(isolation, readOnly, [learnSession])
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
    const text = beginWith(isolation, readOnly, [askSession, ...limitsFor(known, timeLeftMs)])
    const results = await this.#send(session, timeLeftMs, text)
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
  throw new Error(`BEGIN was answered ${tags.join(', ')}, with the status ${status}`)
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

/** The limits of one transaction; a session's own stays where it is stricter. */
function limitsFor(facts: SessionFacts, timeLeftMs: number): string[] {
  const leftMs = Math.max(1, Math.floor(timeLeftMs))
  const limits = [
    ['lock_timeout', facts.lockMs, leftMs],
    ['statement_timeout', facts.statementMs, leftMs],
    ['idle_in_transaction_session_timeout', facts.idleMs, leftMs + idleGraceMs],
  ] as const
  const texts = limits
    .filter(([, ownMs, limitMs]) => ownMs === 0 || ownMs > limitMs)
    .map(([name, , limitMs]) => `set local ${name} = ${limitMs}`)
  if (!durableLevels.includes(facts.durability)) texts.push(raiseDurability)
  return texts
}
