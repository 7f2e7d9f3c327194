/**
 * A service with an interface of its own, behind `participants/custom`: it reserves, confirms and
 * cancels changes of its accounts, by the id of the branch.
 *
 * It keeps what a custom participant has to promise: each answer comes after a forced write, a
 * repeated request changes nothing, and a cancelled id is never reserved again. Requests reach it as
 * messages of their own, so they can be lost, doubled and late.
 */

import type { Life, ResourceObserver, Work } from '../database/database.ts'
import { ForcedWrites } from '../database/forced-writes.ts'
import type { SeededRandom } from '../random.ts'
import type { Place, Scheduler } from '../scheduler.ts'
import type { Trace } from '../trace.ts'

export type Changes = ReadonlyMap<string, number>

export type ServiceRequest =
  | { readonly type: 'ping' }
  | { readonly type: 'list' }
  | { readonly type: 'reserve'; readonly id: string; readonly changes: Changes }
  | { readonly type: 'commit'; readonly id: string; readonly changes: Changes }
  | { readonly type: 'confirm'; readonly id: string }
  | { readonly type: 'cancel'; readonly id: string }
  | { readonly type: 'evidence'; readonly id: string }

export type ServiceReply =
  | { readonly type: 'ok' | 'refused' }
  | { readonly type: 'ended'; readonly as: 'confirmed' | 'cancelled' }
  | { readonly type: 'list'; readonly ids: readonly string[] }

export interface ServiceOptions {
  readonly name: string
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly trace: Trace
  readonly observer: ResourceObserver
  readonly accounts: readonly string[]
  readonly balance: number
  readonly forcedWriteMs: readonly [low: number, high: number]
  readonly refuseChance: number
}

type Answer = (reply: ServiceReply) => void
type RequestAbout<Type = 'reserve' | 'commit' | 'confirm' | 'cancel' | 'evidence'> = Extract<
  ServiceRequest,
  { readonly type: Type; readonly id: string }
>
type End = 'confirmed' | 'cancelled'

export class Service {
  readonly name: string
  readonly balances: Map<string, number>
  /** Durable: reserved and not ended. */
  readonly reserved: Map<string, Work> = new Map()
  /** Durable: how each id ended, for ever. */
  readonly ended: Map<string, 'confirmed' | 'cancelled'> = new Map()
  refuseChance: number
  /** One place for all its lives: a message may reach the next one. */
  readonly place: Place
  life: Life
  readonly #options: ServiceOptions
  readonly #writes: ForcedWrites
  /** Ids with a forced write under way, and who else asked about them meanwhile. */
  readonly #busy = new Map<string, (() => void)[]>()

  constructor(options: ServiceOptions) {
    this.#options = options
    this.name = options.name
    this.refuseChance = options.refuseChance
    this.balances = new Map(options.accounts.map((account) => [account, options.balance]))
    this.#writes = new ForcedWrites(options.scheduler, options.random, options.forcedWriteMs)
    const life: Life = { name: options.name, isDead: false, pausedUntilMs: 0 }
    this.life = life
    this.place = life
  }

  note(what: string): void {
    this.#options.trace.note(this.name, what)
  }

  /** Whether a forced write about this id is under way. */
  isEnding(id: string): boolean {
    return this.#busy.has(id)
  }

  take(request: ServiceRequest, asker: string, answer: Answer): void {
    const words = 'id' in request ? `${request.type} ${request.id}` : request.type
    this.note(`is asked by ${asker}: ${words}`)
    if (request.type === 'ping') return answer({ type: 'ok' })
    if (request.type === 'list') return answer({ type: 'list', ids: [...this.reserved.keys()] })
    const waiting = this.#busy.get(request.id)
    if (waiting === undefined) this.#carryOut(request, answer)
    else waiting.push(() => this.#carryOut(request, answer))
  }

  crash(): void {
    this.note('crashes')
    this.life.isDead = true
    this.#writes.crash()
    this.#busy.clear()
  }

  restart(): void {
    this.note(`is up again with ${this.reserved.size} reserved`)
    this.life.isDead = false
  }

  #carryOut(request: RequestAbout, answer: Answer): void {
    const ended = this.ended.get(request.id)
    switch (request.type) {
      case 'reserve':
        return this.#reserve(request, ended, answer)
      case 'commit':
        return this.#commit(request, ended, answer)
      case 'evidence':
        if (ended !== undefined) return answer({ type: 'ended', as: ended })
        // From now on it can't be committed any more: only so is this an answer.
        return this.#end(request.id, 'cancelled', () => answer({ type: 'ended', as: 'cancelled' }))
      case 'confirm':
        return this.#finish(request.id, 'confirmed', ended, answer)
      case 'cancel':
        return this.#finish(request.id, 'cancelled', ended, answer)
    }
  }

  #reserve({ id, changes }: RequestAbout<'reserve'>, ended: End | undefined, answer: Answer): void {
    if (ended !== undefined) return answer({ type: 'refused' })
    if (this.reserved.has(id)) return answer({ type: 'ok' })
    if (this.#refuses()) return this.#end(id, 'cancelled', () => answer({ type: 'refused' }))
    const work: Work = { id, xid: id, changes }
    const apply = (): void => {
      this.reserved.set(id, work)
      this.note(`has reserved ${id}`)
      this.#options.observer.prepared(this.name, work)
    }
    this.#force(id, apply, () => answer({ type: 'ok' }))
  }

  #commit({ id, changes }: RequestAbout<'commit'>, ended: End | undefined, answer: Answer): void {
    if (ended !== undefined) return answer({ type: ended === 'confirmed' ? 'ok' : 'refused' })
    if (this.#refuses()) return this.#end(id, 'cancelled', () => answer({ type: 'refused' }))
    this.#end(id, 'confirmed', () => answer({ type: 'ok' }), { id, xid: id, changes })
  }

  #finish(id: string, wanted: End, ended: End | undefined, answer: Answer): void {
    if (ended === wanted) return answer({ type: 'ok' })
    if (ended !== undefined) return answer({ type: 'ended', as: ended })
    if (wanted === 'confirmed' && !this.reserved.has(id)) return answer({ type: 'refused' })
    this.#end(id, wanted, () => answer({ type: 'ok' }))
  }

  #refuses(): boolean {
    return this.#options.random.chance(this.refuseChance)
  }

  #end(id: string, as: End, done: () => void, direct?: Work): void {
    this.#force(
      id,
      () => {
        const work = direct ?? this.reserved.get(id)
        this.reserved.delete(id)
        this.ended.set(id, as)
        this.note(`has ${as} ${id}`)
        if (work === undefined) return
        const { observer } = this.#options
        if (as === 'cancelled') return observer.rolledBack(this.name, work, 'participant')
        for (const [account, change] of work.changes) {
          this.balances.set(account, (this.balances.get(account) ?? 0) + change)
        }
        observer.committed(this.name, work, 'participant')
      },
      done,
    )
  }

  /** One forced write an id at a time; who asks about it meanwhile waits. */
  #force(id: string, apply: () => void, done: () => void): void {
    this.#busy.set(id, [])
    this.#writes.force(this.place, apply, () => {
      const waiting = this.#busy.get(id) ?? []
      this.#busy.delete(id)
      done()
      // The first may take the id again: the others then wait for it.
      for (const [index, next] of waiting.entries()) {
        const taken = this.#busy.get(id)
        if (taken === undefined) next()
        else {
          taken.push(...waiting.slice(index))
          return
        }
      }
    })
  }
}
