/**
 * What operators and callers ask: what is unfinished, how a transaction ended; and what operators
 * may do: settle what is held, vouch for a branch, settle a stranger's orphan, forget a heuristic.
 *
 * Keeps A2 (an operator's act is recorded before it acts, and never flips a decision that anyone
 * may have been told), A9 (callers and prepared branches get different answers to absence) and A10.
 */
import type { Decision, Outcome } from '../core/decision.ts'
import { AssentError, isAssentError } from '../core/errors.ts'
import {
  type BranchId,
  parseBranchId,
  parseTransactionId,
  type TransactionKey,
} from '../core/ids.ts'
import type { Clock, Events } from '../core/ports.ts'
import { type LogRecord, type Signature, signatureLimits } from '../log/contract.ts'
import { carrierOf, decisionOf } from '../protocol/two-phase/state.ts'
import type { Book } from './book.ts'
import type { Books } from './books.ts'
import type { Engine } from './engine.ts'
import type { StateChange } from './events.ts'
import { logFailed } from './failures.ts'
import type { LiveTransaction } from './live-transaction.ts'
import { describeLive, describeSettled, type PendingTransaction } from './pending.ts'
import { presumeAborted } from './recovery.ts'
import { settleStranger } from './strangers.ts'
import type { Sighting, Sweep } from './sweep.ts'

/** An operator's signature, and the one resource that it speaks of, if it is one. */
export interface Resolution extends Signature {
  readonly resource?: string
}

export class Administration {
  readonly #engine: Engine
  readonly #books: Books
  readonly #sweep: Sweep
  readonly #clock: Clock
  readonly #events: Events<StateChange>

  constructor(options: {
    readonly engine: Engine
    readonly books: Books
    readonly sweep: Sweep
    readonly clock: Clock
    readonly events: Events<StateChange>
  }) {
    this.#engine = options.engine
    this.#books = options.books
    this.#sweep = options.sweep
    this.#clock = options.clock
    this.#events = options.events
  }

  /** Every transaction that is not over, active ones included, and every unforgotten heuristic. */
  transactions(): PendingTransaction[] {
    const live = [...this.#engine.live.values()].map(describeLive)
    return [...live, ...this.#settledHeuristics()]
  }

  /** What waits for a resource or an operator, but not what is simply under way. */
  inDoubt(): PendingTransaction[] {
    return this.transactions().filter(({ waits }) => waits)
  }

  /** Prepared branches that no live transaction answers for, ours and strangers'. */
  orphans(): Sighting[] {
    return this.#sweep.sightings()
  }

  async outcome(id: string): Promise<Outcome> {
    const parts = parseTransactionId(id)
    if (parts === undefined) throw notAnId(id)
    const live = this.#engine.live.get(id)
    if (live !== undefined) return outcomeOfLive(live)
    const book = this.#books.of(parts)
    if (book === undefined || !book.hasIssued(parts)) return 'unknown'
    const retained = book.log.outcome(parts)
    if (retained === 'absent') return await this.#presumed(book, parts)
    return retained === 'held' ? 'unknown' : retained
  }

  /** Whoever is told that it aborted must not find it committed later (A2, A9). */
  #presumed(book: Book, key: TransactionKey): Promise<Outcome> {
    return new Promise((resolve) => {
      const { deadlines, settings } = this.#engine
      const limit = deadlines.setAwaited(settings.deliveryTimeoutMs, () => resolve('unknown'))
      presumeAborted(this.#engine, book, key, (standing) => {
        deadlines.clear(limit)
        resolve(standing instanceof Error ? 'unknown' : standing)
      })
    })
  }

  async resolve(id: string, decision: Decision, resolution: Resolution): Promise<void> {
    checkSignature(resolution)
    if (decision !== 'committed' && decision !== 'aborted') {
      throw invalid('decision', `must be 'committed' or 'aborted', not ${String(decision)}`)
    }
    if (parseBranchId(id) !== undefined)
      return await this.#resolveStranger(id, decision, resolution)
    const live = this.#engine.live.get(id)
    if (live === undefined) throw unknownTransaction(id)
    if (resolution.resource !== undefined) return this.#vouch(live, decision, resolution)
    const carrier = live.branches[carrierOf(live.state)]
    if (live.state.phase === 'held' && carrier !== undefined) {
      throw resolvedByItsRow(live, carrier.resourceName)
    }
    if (live.state.phase !== 'held') throw notResolvable(live)
    await this.#record(live.book, {
      type: 'resolved',
      transaction: live.key,
      branch: undefined,
      decision,
      wallMs: this.#clock.wallMs(),
      ...signatureOf(resolution),
    })
    this.#publish(id, 'resolve', resolution)
    await this.#untilConcluded(live, decision)
  }

  async forget(id: string, signature: Signature): Promise<void> {
    checkSignature(signature)
    const parts = parseTransactionId(id)
    if (parts === undefined) throw notAnId(id)
    const live = this.#engine.live.get(id)
    if (live !== undefined) throw notResolvable(live)
    const book = this.#books.of(parts)
    const isListed = this.#settledHeuristics().some((each) => each.id === id)
    if (book === undefined || !isListed) throw unknownTransaction(id)
    const { epoch, counter } = parts
    await this.#record(book, {
      type: 'forgotten',
      transaction: { epoch, counter },
      wallMs: this.#clock.wallMs(),
      ...signatureOf(signature),
    })
    this.#publish(id, 'forget', signature)
  }

  /** An operator says how one branch ended that can't be reached any more. */
  async #vouch(live: LiveTransaction, decision: Decision, resolution: Resolution): Promise<void> {
    const standing = decisionOf(live.state)
    const position = live.branches.findIndex((each) => each.resourceName === resolution.resource)
    const branch = live.branches[position]
    const phase = live.state.branches[position]?.phase
    const undelivered = phase === 'committing' || phase === 'rolling-back'
    if (branch === undefined || standing === undefined || !undelivered) throw notResolvable(live)
    const before = branch.heuristic
    if (decision !== standing && before === undefined) {
      const kind = decision === 'committed' ? 'committed' : 'rolled-back'
      const detail = `resolved by ${resolution.by}: ${resolution.reason}`
      branch.heuristic = { resource: branch.resourceName, kind, detail }
      // Ahead of the act in the same forced write: no crash leaves the act without what it did.
      live.book.noteHeuristic(live, branch)
    }
    try {
      await this.#record(live.book, {
        type: 'resolved',
        transaction: live.key,
        branch: branch.number,
        decision,
        wallMs: this.#clock.wallMs(),
        ...signatureOf(resolution),
      })
    } catch (failure) {
      branch.heuristic = before
      throw failure
    }
    this.#publish(live.id, 'resolve', resolution)
    this.#engine.vouch(live, branch)
  }

  async #resolveStranger(id: string, decision: Decision, signature: Signature): Promise<void> {
    await this.#refuseSiblings(id)
    const sighting = this.orphans().find((each) => each.id === id)
    if (sighting === undefined) throw unknownTransaction(id)
    if (sighting.decision !== undefined) {
      const message = `${id} is an orphan of ours and is being ${sighting.decision}`
      throw new AssentError('ASSENT_NOT_RESOLVABLE', message, { id, state: sighting.decision })
    }
    const resource = this.#engine.resources.get(sighting.resource)
    const { own } = this.#books
    await this.#record(own, {
      type: 'stranger-resolved',
      id,
      resource: this.#engine.resources.numberIn(own.log, resource),
      decision,
      wallMs: this.#clock.wallMs(),
      ...signatureOf(signature),
    })
    this.#publish(id, 'resolve', signature)
    await settleStranger(this.#engine, resource, id as BranchId, decision)
  }

  /** A branch of another log of our directory is for its process to finish, or its adopter. */
  async #refuseSiblings(id: string): Promise<void> {
    const parts = parseBranchId(id)
    await this.#books.refreshSiblings()
    if (parts === undefined || !this.#books.isSibling(parts)) return
    const message = `${id} is of another process of this log directory: ask that process for it`
    throw new AssentError('ASSENT_NOT_RESOLVABLE', message, { id, state: "a sibling's" })
  }

  #record(book: Book, record: LogRecord): Promise<void> {
    return new Promise((done, fail) => {
      book.log.append(record, (failure) => {
        if (failure === undefined) done()
        else fail(isAssentError(failure) ? failure : logFailed(failure))
      })
    })
  }

  #untilConcluded(live: LiveTransaction, decision: Decision): Promise<void> {
    return new Promise((done, fail) => {
      // Another operator may be waiting for the same.
      const before = live.watcher
      const concluded = (): void => {
        before?.concluded()
        if (decisionOf(live.state) === decision) done()
        else fail(live.state.phase === 'in-doubt' ? inDoubt(live) : notResolvable(live))
      }
      live.watcher = { concluded, settled: concluded }
      this.#engine.resolve(live, decision)
      // It may have been settled while this act was being recorded.
      if (decisionOf(live.state) !== undefined) concluded()
    })
  }

  #settledHeuristics(): PendingTransaction[] {
    return this.#books.all().flatMap((book) =>
      book.log
        .unfinished()
        // What settled just now stays in the log until its lazy record is durable.
        .filter(({ heuristics, forgotten }) => heuristics.length > 0 && !forgotten)
        .filter(({ transaction }) => this.#engine.live.at(book, transaction) === undefined)
        .map((unfinished) => describeSettled(book, unfinished)),
    )
  }

  #publish(id: string, act: 'resolve' | 'forget', { by, reason }: Signature): void {
    if (this.#events.enabled) this.#events.publish({ type: 'operator', id, act, by, reason })
  }
}

function outcomeOfLive({ state, heuristics }: LiveTransaction): Outcome {
  const decision = decisionOf(state)
  if (heuristics.some((each) => each.kind === 'hazard')) return 'hazard'
  if (heuristics.length > 0) return 'mixed'
  if (decision !== undefined) return decision
  return state.phase === 'held' || state.phase === 'in-doubt' ? 'unknown' : 'active'
}

function checkSignature({ by, reason }: Signature): void {
  for (const [option, text] of Object.entries({ by, reason })) {
    const limit = signatureLimits[option as keyof typeof signatureLimits]
    if (typeof text !== 'string' || text.trim() === '' || text.length > limit) {
      throw invalid(option, `must be a text of 1 to ${limit} characters: it is kept in the log`)
    }
  }
}

function signatureOf({ by, reason }: Signature): Signature {
  return { by, reason }
}

function invalid(option: string, problem: string): AssentError {
  return new AssentError('ASSENT_INVALID_OPTION', `${option} ${problem}`, { option })
}

function notAnId(id: string): AssentError {
  return invalid('id', `${JSON.stringify(id)} is not a transaction id`)
}

function unknownTransaction(id: string): AssentError {
  return new AssentError('ASSENT_UNKNOWN_TRANSACTION', `nothing unfinished has the id ${id}`, {
    id,
  })
}

/** The act is recorded, and its decision may be: the next process goes on with it (A11). */
function inDoubt({ id, cause }: LiveTransaction): AssentError {
  const message = `the act on ${id} is recorded, but the log failed before its decision was`
  return new AssentError('ASSENT_OUTCOME_UNKNOWN', message, { id }, { cause })
}

function resolvedByItsRow({ id, state }: LiveTransaction, resource: string): AssentError {
  const message =
    `transaction ${id} waits for ${resource}, where its decision stands or is missing: it goes on by ` +
    'itself once that can be read'
  return new AssentError('ASSENT_NOT_RESOLVABLE', message, { id, state: state.phase })
}

function notResolvable(live: LiveTransaction): AssentError {
  const { id, state } = live
  const message = `transaction ${id} is ${state.phase}; that does not wait for an operator`
  return new AssentError('ASSENT_NOT_RESOLVABLE', message, { id, state: state.phase })
}
