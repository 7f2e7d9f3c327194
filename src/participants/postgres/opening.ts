/**
 * When the transaction of a branch is begun at the server: with its first statement, in one message,
 * wherever that can be done; else by itself.
 *
 * Keeps A1 (PG-12): a statement is sent only in the message of the BEGIN, under the same Sync, or
 * after the server has shown that it began. One that waits while BEGIN is under way is not sent when
 * that fails, or it would commit by itself.
 */
import { invariant } from '../../core/invariant.ts'
import type { Clock } from '../../core/ports.ts'
import type { BeginningOptions, Beginnings, Modes } from './beginning.ts'
import type { ServerSession } from './delivery.ts'
import type { PgQuery, PgReply, PgResult, PgSubmittable } from './driver.ts'
import type { Begun } from './known-session.ts'
import { isKept, type PipelineAnswer, type PipelineStatement } from './pipeline.ts'
import type { Session } from './session.ts'
import { readText } from './statements.ts'

type State =
  /** Nothing was sent. */
  | { readonly at: 'idle' }
  | { readonly at: 'beginning'; readonly begun: Promise<unknown> }
  | { readonly at: 'begun'; readonly begun: Begun }
  | { readonly at: 'failed'; readonly cause: unknown }

export interface OpeningParts {
  readonly session: Session
  readonly beginnings: Beginnings
  readonly clock: Clock
  readonly modes: Modes
  /** When the transaction's time is over, by the monotonic clock. */
  readonly deadlineMs: number
  /** Told when BEGIN failed: the branch can't commit any more. */
  readonly onFailure: (cause: unknown) => void
}

export class Opening {
  readonly #parts: OpeningParts
  #state: State = { at: 'idle' }
  #xid: string | undefined

  constructor(parts: OpeningParts) {
    this.#parts = parts
  }

  /** Whether the server knows nothing of the branch: there is nothing to end. */
  get isIdle(): boolean {
    return this.#state.at === 'idle'
  }

  get isBegun(): boolean {
    return this.#state.at === 'begun'
  }

  get serverSession(): ServerSession {
    if (this.#state.at === 'begun') return this.#state.begun.serverSession
    return this.#parts.beginnings.sessionOf(this.#parts.session)
  }

  /** The transaction's `xid`, where it was told with its BEGIN. */
  get xid(): string | undefined {
    return this.#xid
  }

  /** The session's own `synchronous_commit`, where it is weaker than `on`. */
  get weakDurability(): string | undefined {
    if (this.#state.at === 'begun') return this.#state.begun.weakDurability
    return this.#parts.beginnings.weakDurabilityOf(this.#parts.session)
  }

  /** Whether BEGIN can wait for the first statement; else it is to be begun at once. */
  get canRide(): boolean {
    return this.#parts.beginnings.canRide(this.#parts.session)
  }

  /** Makes sure that BEGIN can wait, where the driver can do it at all. */
  async learn(): Promise<void> {
    const { beginnings, session } = this.#parts
    await beginnings.learn(session, this.#options().timeLeftMs)
  }

  /** Begins, unless that is done; rejects when it failed. */
  async begin(): Promise<void> {
    if (this.#state.at === 'idle') {
      const { beginnings, session } = this.#parts
      void this.#await(beginnings.begin(session, this.#options()))
    }
    await this.#begun()
  }

  /** Sends a text of the user's; the first one takes BEGIN with it. */
  send(query: string | PgQuery, values: readonly unknown[] | undefined): Promise<PgReply> {
    if (this.#state.at === 'idle') {
      return this.sendAll([{ query, values }], isChange(query)).then(replyOf)
    }
    const { client } = this.#parts.session
    if (this.#state.at === 'begun') return client.query(query, values)
    return this.#begun().then(() => client.query(query, values))
  }

  /** Sends a query object of the user's once the branch is begun; it hears of a failure itself. */
  submit(submittable: PgSubmittable, callback: unknown): void {
    const { client } = this.#parts.session
    this.begin().then(
      () => client.query(submittable, callback),
      (cause: unknown) => submittable.handleError?.(cause, client.connection),
    )
  }

  /**
   * Sends queries that are all known, with BEGIN; rejects where it did not begin. `takesXid`: the
   * transaction is going to write, or to be prepared.
   */
  sendAll(statements: readonly PipelineStatement[], takesXid: boolean): Promise<PipelineAnswer> {
    invariant(this.#state.at === 'idle', 'A1', 'a batch is all of its branch')
    const { beginnings, session } = this.#parts
    const riding = beginnings.ride(session, { ...this.#options(), takesXid }, statements).then(
      (ridden) => {
        this.#state = { at: 'begun', begun: ridden.begun }
        this.#xid = ridden.xid
        return ridden
      },
      (cause: unknown) => {
        throw this.#failed(cause)
      },
    )
    this.#state = { at: 'beginning', begun: riding }
    return riding
  }

  async #await(beginning: Promise<Begun>): Promise<void> {
    this.#state = { at: 'beginning', begun: beginning }
    try {
      this.#state = { at: 'begun', begun: await beginning }
    } catch (cause) {
      this.#failed(cause)
    }
  }

  #failed(cause: unknown): unknown {
    this.#state = { at: 'failed', cause }
    this.#parts.onFailure(cause)
    return cause
  }

  async #begun(): Promise<void> {
    if (this.#state.at === 'beginning') await this.#state.begun
    if (this.#state.at === 'failed') throw this.#state.cause
  }

  #options(): BeginningOptions {
    const { modes, deadlineMs, clock } = this.#parts
    return { ...modes, timeLeftMs: Math.max(1, deadlineMs - clock.monotonicMs()) }
  }
}

/** Whether it is a statement that gives the transaction its `xid`. */
function isChange(query: string | PgQuery): boolean {
  if (typeof query === 'string') return readText(query).isPlainChange
  return isKept(query)
}

/** What the one statement was answered, as the driver would tell it. */
function replyOf({ results, failure }: PipelineAnswer): PgReply {
  if (failure !== undefined) throw failure.cause
  return results.length === 1 ? (results[0] as PgResult) : results
}
