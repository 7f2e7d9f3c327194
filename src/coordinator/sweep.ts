/**
 * The sweep: looks for prepared branches of ours at every resource, for as long as we run, and
 * finishes those that no live transaction answers for.
 *
 * Keeps A7 (only branches of logs that we own, parsed exactly; two sightings and an interval before
 * an orphan is touched), A9 (a prepared branch without a record is told `aborted`, once that is
 * final; its commit record can't be gone, for it has not acknowledged) and A10 (others' branches are
 * listed).
 *
 * Defends against a PREPARE that was on its way when its process died, or when its vote was given
 * up: it can land at any time, also after recovery looked.
 */
import type { Decision } from '../core/decision.ts'
import { messageOf } from '../core/errors.ts'
import type { BranchId, BranchIdParts } from '../core/ids.ts'
import { parseBranchId } from '../core/ids.ts'
import type { Clock, Events, Timer, Timers } from '../core/ports.ts'
import type { Acknowledgement, PreparedBranch } from '../participants/contract.ts'
import { decisionOf } from '../protocol/two-phase/state.ts'
import type { Book } from './book.ts'
import type { Books } from './books.ts'
import { ask } from './delivery.ts'
import type { Engine } from './engine.ts'
import type { StateChange } from './events.ts'
import { presumeAborted } from './recovery.ts'
import type { Resource } from './resources.ts'

/** A prepared branch at a resource that no live transaction here answers for. */
export interface Sighting {
  readonly id: string
  readonly resource: string
  readonly preparedAtMs: number | undefined
  /** Whether a log that we own issued it. */
  readonly ours: boolean
  /** What will be done with it; undefined: it is not ours to touch. */
  readonly decision: Decision | undefined
  /** Why it is listed, in words. */
  readonly detail: string
}

interface Seen {
  sighting: Sighting
  readonly firstMs: number
  finishing: boolean
}

/** Orphans of one resource that are finished at a time. */
const finishedAtOnce = 16

interface Watch {
  timer: Timer | undefined
  /** Counts the sweeps, so that an answer that was given up is told from the awaited one. */
  round: number
  seen: Map<string, Seen>
  /** When the last sweep that was answered began; monotonic. */
  lookedAtMs: number | undefined
}

export class Sweep {
  readonly #engine: Engine
  readonly #books: Books
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #events: Events<StateChange>
  readonly #watches = new Map<Resource, Watch>()
  #stopped = false

  constructor(options: {
    readonly engine: Engine
    readonly books: Books
    readonly clock: Clock
    readonly timers: Timers
    readonly events: Events<StateChange>
  }) {
    this.#engine = options.engine
    this.#books = options.books
    this.#clock = options.clock
    this.#timers = options.timers
    this.#events = options.events
  }

  start(): void {
    for (const resource of this.#engine.resources.all()) {
      if (resource.participant.listPrepared === undefined) continue
      const watch: Watch = { timer: undefined, round: 0, seen: new Map(), lookedAtMs: undefined }
      this.#watches.set(resource, watch)
      this.#sweep(resource, watch)
    }
  }

  stop(): void {
    this.#stopped = true
    for (const watch of this.#watches.values()) {
      watch.round += 1
      if (watch.timer !== undefined) this.#timers.clear(watch.timer)
    }
  }

  sightings(): Sighting[] {
    return [...this.#watches.values()].flatMap((watch) =>
      [...watch.seen.values()].map((seen) => seen.sighting),
    )
  }

  /** Whether every resource was looked at, at or after `sinceMs`, and held nothing of this log. */
  foundNothingSince({ log }: Book, sinceMs: number): boolean {
    for (const resource of this.#engine.resources.all()) {
      if (!resource.participant.canPrepare) continue // nothing prepared can be there
      const watch = this.#watches.get(resource)
      if (watch?.lookedAtMs === undefined || watch.lookedAtMs < sinceMs) return false
      for (const id of watch.seen.keys()) if (parseBranchId(id)?.log === log.identity) return false
    }
    return true
  }

  #sweep(resource: Resource, watch: Watch): void {
    const { sweepIntervalMs, deliveryTimeoutMs } = this.#engine.settings
    const { participant, status } = resource
    watch.round += 1
    const round = watch.round
    if (status !== 'ready') return this.#again(resource, watch, sweepIntervalMs / 4)
    const begunMs = this.#clock.monotonicMs()
    this.#again(resource, watch, sweepIntervalMs + deliveryTimeoutMs)
    ask<readonly PreparedBranch[]>(
      () => participant.listPrepared?.() ?? Promise.resolve([]),
      (found) => {
        if (round !== watch.round) return
        const pauseMs = 'result' in found ? sweepIntervalMs : this.#look(resource, watch, found)
        if (!('result' in found)) watch.lookedAtMs = begunMs
        this.#again(resource, watch, pauseMs)
      },
    )
  }

  #again(resource: Resource, watch: Watch, pauseMs: number): void {
    if (watch.timer !== undefined) this.#timers.clear(watch.timer)
    watch.timer = this.#timers.set(pauseMs, () => this.#sweep(resource, watch))
  }

  /** Takes note of what was found; answers the time until the next look. */
  #look(resource: Resource, watch: Watch, found: readonly PreparedBranch[]): number {
    const nowMs = this.#clock.monotonicMs()
    const seen = new Map<string, Seen>()
    for (const prepared of found) {
      const sighting = this.#judge(resource, prepared)
      if (sighting === undefined) continue
      // The same object as before: an attempt that is under way notes its end in it.
      const known = watch.seen.get(prepared.id)
      if (known === undefined && sighting.ours) this.#publish(sighting, 'sighted')
      if (known !== undefined) known.sighting = sighting
      seen.set(prepared.id, known ?? { sighting, firstMs: nowMs, finishing: false })
    }
    watch.seen = seen
    const { orphanIntervalMs, sweepIntervalMs } = this.#engine.settings
    const orphans = [...seen.values()].filter((each) => each.sighting.decision !== undefined)
    const due = orphans.filter(
      (each) => !each.finishing && nowMs - each.firstMs >= orphanIntervalMs,
    )
    this.#finish(resource, due)
    return orphans.length > 0 ? Math.min(orphanIntervalMs, sweepIntervalMs) : sweepIntervalMs
  }

  /** What a prepared branch is to us; undefined when a live transaction answers for it. */
  #judge(resource: Resource, { id, preparedAtMs }: PreparedBranch): Sighting | undefined {
    const parts = parseBranchId(id)
    if (parts === undefined) return undefined // another program's
    const book = this.#books.of(parts)
    const listed = (detail: string, decision?: Decision): Sighting => ({
      id,
      resource: resource.name,
      preparedAtMs,
      ours: book !== undefined,
      decision,
      detail,
    })
    if (this.#books.isSibling(parts)) return undefined
    if (book === undefined) return listed('of a log that is not ours')
    if (!book.hasIssued(parts)) {
      return listed('newer than our log: was the log directory put back from a copy?')
    }
    const decision = this.#decisionFor(book, parts)
    if (decision === 'live') return undefined
    if (decision === undefined) return listed('its decision is held or mixed')
    return listed('no live transaction answers for it', decision)
  }

  /** What stands for a branch; the log says whether anything is known to. */
  #decisionFor(book: Book, parts: BranchIdParts): Decision | 'live' | undefined {
    const live = this.#engine.live.at(book, parts)
    if (live !== undefined) {
      const position = live.branches.findIndex((branch) => branch.number === parts.branch)
      const phase = live.state.branches[position]?.phase
      // Its transaction believes it over: it landed late. Else the transaction will finish it.
      const late = phase === undefined || phase === 'ended'
      return late ? (decisionOf(live.state) ?? 'live') : 'live'
    }
    switch (book.log.outcome(parts)) {
      case 'committed':
        return 'committed'
      case 'mixed':
      case 'hazard':
        return book.standingDecision(parts)
      case 'held':
        return undefined
      default:
        return 'aborted'
    }
  }

  #finish(resource: Resource, due: readonly Seen[]): void {
    // By position: to take the first off a long list moves all that are left.
    let begun = 0
    const next = (): void => {
      const seen = due[begun]
      begun += 1
      const decision = seen?.sighting.decision
      if (seen === undefined || decision === undefined || this.#stopped) return
      this.#finishOne(resource, seen, decision, next)
    }
    for (let started = 0; started < finishedAtOnce; started += 1) next()
  }

  /** One attempt. After silence, the next look may try again, and others get their turn (A10). */
  #finishOne(resource: Resource, seen: Seen, expected: Decision, ended: () => void): void {
    seen.finishing = true
    const { sighting } = seen
    const limitMs = this.#engine.settings.deliveryTimeoutMs
    let decision = expected
    let isAwaited = true
    const answered = (answer: Acknowledgement): void => {
      if (!isAwaited) return
      isAwaited = false
      this.#timers.clear(limit)
      seen.finishing = false
      if (answer.result === 'heuristic') this.#record(resource, sighting.id, decision, answer)
      const detail = answer.result === 'unknown' ? messageOf(answer.cause) : decision
      if (answer.result === 'done') this.#publish({ ...sighting, detail }, 'finished')
      if (answer.result === 'unknown') seen.sighting = { ...sighting, detail }
      ended()
    }
    const limit = this.#timers.set(limitMs, () => {
      const cause = new Error(`${resource.name} did not answer within ${limitMs} ms`)
      answered({ result: 'unknown', cause })
    })
    const id = sighting.id as BranchId
    this.#standing(id, expected, (standing) => {
      if (!isAwaited || this.#stopped) return
      if (standing instanceof Error) return answered({ result: 'unknown', cause: standing })
      if (standing === 'live' || (standing !== expected && this.#isLive(id))) {
        // What was found has brought its transaction to life, which tells all its branches.
        isAwaited = false
        this.#timers.clear(limit)
        seen.finishing = false
        return ended()
      }
      decision = standing
      const branch = resource.participant.recover({ id, evidence: undefined })
      ask<Acknowledgement>(
        () => (standing === 'committed' ? branch.commit() : branch.rollback()),
        answered,
      )
    })
  }

  /**
   * What stands for a branch by now: it may have waited for its turn since it was judged. An abort that
   * rests on the absence of a record alone is made sure of.
   */
  #standing(
    id: BranchId,
    expected: Decision,
    found: (standing: Decision | 'live' | Error) => void,
  ): void {
    const parts = parseBranchId(id)
    const book = parts && this.#books.of(parts)
    if (parts === undefined || book === undefined) {
      return found(new Error('its log was given up')) // to its adopter, who finds the branch, too
    }
    const standing = this.#decisionFor(book, parts) ?? 'live'
    if (standing !== 'aborted' || expected !== 'aborted' || this.#isLive(id)) return found(standing)
    presumeAborted(this.#engine, book, parts, found)
  }

  #isLive(id: BranchId): boolean {
    const parts = parseBranchId(id)
    const book = parts && this.#books.of(parts)
    if (parts === undefined || book === undefined) return false
    return this.#engine.live.at(book, parts) !== undefined
  }

  /** A1: what a resource did by itself is recorded, never hidden. */
  #record(
    resource: Resource,
    id: string,
    decision: Decision,
    { kind, detail }: Extract<Acknowledgement, { result: 'heuristic' }>,
  ): void {
    const parts = parseBranchId(id)
    const book = parts && this.#books.of(parts)
    if (parts === undefined || book === undefined) return // given up meanwhile: its adopter finds it
    const key = { epoch: parts.epoch, counter: parts.counter }
    const report = { resource: resource.name, kind, detail }
    book.forceFound({ key, branch: parts.branch, resource, decision, report }, (failure) => {
      if (failure !== undefined || !this.#events.enabled) return
      this.#events.publish({ type: 'heuristic', id: book.idOf(parts), ...report })
    })
  }

  #publish({ id, resource, detail }: Sighting, state: 'sighted' | 'finished'): void {
    if (this.#events.enabled) this.#events.publish({ type: 'orphan', id, resource, state, detail })
  }
}
