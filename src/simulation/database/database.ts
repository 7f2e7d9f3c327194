/**
 * A database that can prepare: accounts with locks, branches, and what is durable of them.
 *
 * A prepared branch is durable only after a forced write of its own. A crash loses every session
 * with its work, and keeps prepared branches, of the forced writes under way any first part. It
 * remembers how each transaction of its own ended (`fates`, as `pg_xact_status` tells).
 */
import type { SeededRandom } from '../random.ts'
import type { Place, Scheduler } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import type { SlotHolder } from './decisions/slot-holder.ts'
import { StoredDecisions, type StoredDecisionsOptions } from './decisions/stored-decisions.ts'
import { ForcedWrites } from './forced-writes.ts'
import { Locks } from './locks.ts'
import type { Fate } from './messages.ts'

/** The work of one branch at one resource. */
export interface Work {
  readonly id: string
  readonly xid: string
  /** Account to change; changes are made at the commit. */
  readonly changes: ReadonlyMap<string, number>
  /** What its statements were answered, in order; absent where nobody keeps that. */
  readonly answers?: readonly number[]
}

/** A prepared branch. */
export interface Prepared extends Work {
  readonly preparedAtMs: number
  isFinishing: boolean
}

/** A connection's end at the database, with the branch that it works on. */
export interface OpenSession {
  /** Of its connection. */
  readonly pid: number
  readonly branch: string | undefined
  /** Ends it at once; `done` when nothing that it was asked for can happen any more. */
  kill(done: () => void): void
}

/** Who finished a branch. */
export type Finisher = 'participant' | 'operator'

/** Told what is durable, when it is. */
export interface ResourceObserver {
  prepared(resource: string, work: Work): void
  committed(resource: string, work: Work, by: Finisher): void
  /** Undone; also work that was never prepared. */
  rolledBack(resource: string, work: Work, by: Finisher): void
}

/** How a database behaves. */
export interface DatabaseConditions {
  readonly forcedWriteMs: readonly [low: number, high: number]
  /** A statement fails for a conflict with another transaction. */
  readonly conflictChance: number
  /** A deferred check fails at prepare. */
  readonly noVoteChance: number
}

export interface DatabaseOptions {
  readonly name: string
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly trace: Trace
  readonly observer: ResourceObserver
  readonly conditions: DatabaseConditions
  readonly accounts: readonly string[]
  readonly balance: number
  readonly preparedLimit: number
  /** Evidence of so many digits: where it is long, a record takes several sectors of the disk. */
  readonly xidDigits: number
  /** Undefined where no decisions are kept. */
  readonly decisions?: StoredDecisionsOptions | undefined
}

export interface Life extends Place {
  isDead: boolean
  pausedUntilMs: number
}

export class Database {
  readonly name: string
  readonly random: SeededRandom
  readonly scheduler: Scheduler
  readonly locks: Locks
  preparedLimit: number
  readonly balances: Map<string, number>
  readonly prepared: Map<string, Prepared> = new Map()
  readonly sessions: Set<OpenSession> = new Set()
  /** Undefined where no decisions are kept. */
  readonly decisions: StoredDecisions | undefined
  /** Slots of decision logs that sessions have locked, by name. */
  readonly slots: Map<string, SlotHolder> = new Map()
  conditions: DatabaseConditions
  /** From start to crash; the network reaches no other. */
  life: Life
  readonly #options: DatabaseOptions
  readonly #writes: ForcedWrites
  readonly #fates = new Map<string, 'committed' | 'aborted'>()
  readonly #running = new Set<string>()
  /** Connections whose sessions were ended from outside, perhaps before they were asked anything. */
  readonly #killed = new Set<number>()
  #connections = 0
  #xids = 0

  constructor(options: DatabaseOptions) {
    const { scheduler, random, name } = options
    this.#options = options
    this.name = name
    this.random = random
    this.scheduler = scheduler
    this.conditions = options.conditions
    this.preparedLimit = options.preparedLimit
    this.balances = new Map(options.accounts.map((account) => [account, options.balance]))
    this.locks = new Locks(scheduler)
    this.decisions = options.decisions && new StoredDecisions(options.decisions)
    this.#writes = new ForcedWrites(scheduler, random, options.conditions.forcedWriteMs)
    this.life = lifeOf(name)
  }

  get fingerprint(): string {
    return `simulated:${this.name}`
  }

  note(what: string): void {
    this.#options.trace.note(this.name, what)
  }

  /** Begins a transaction of its own: an xid that no other has. */
  begin(): string {
    this.#xids += 1
    const xid = `${this.name}-${String(this.#xids).padStart(this.#options.xidDigits, '0')}`
    this.#running.add(xid)
    return xid
  }

  /** A number for a new connection, which no other has. */
  nextPid(): number {
    this.#connections += 1
    return this.#connections
  }

  isKilled(pid: number): boolean {
    return this.#killed.has(pid)
  }

  endSession(pid: number, done: () => void): void {
    this.#killed.add(pid)
    const session = [...this.sessions].find((each) => each.pid === pid)
    if (session === undefined) return done()
    this.note(`ends the session of ${session.branch ?? 'no branch'}`)
    session.kill(done)
  }

  fateOf(xid: string): Fate {
    const fate = this.#fates.get(xid)
    if (fate !== undefined) return fate
    return this.#running.has(xid) ? 'in-progress' : 'aborted'
  }

  /** Whether this transaction may do more than be finished by its id. */
  isOpen(xid: string): boolean {
    return this.#running.has(xid) && !this.#isPrepared(xid)
  }

  /** The transactions that are open, without this one. */
  open(except: string): ReadonlySet<string> {
    return new Set([...this.#running].filter((xid) => xid !== except && !this.#isPrepared(xid)))
  }

  /** A transaction of its own ends without ever having been prepared or committed. */
  drop(xid: string): void {
    this.#running.delete(xid)
    this.locks.release(xid)
  }

  /** Makes `work` a prepared branch, durably; its locks stay. */
  prepare(work: Work, done: () => void): void {
    this.force(() => {
      const prepared = { ...work, preparedAtMs: this.scheduler.nowMs, isFinishing: false }
      this.prepared.set(work.id, prepared)
      this.note(`has prepared ${work.id}`)
      this.#options.observer.prepared(this.name, work)
    }, done)
  }

  /** Commits or rolls back a prepared branch, durably. */
  finish(prepared: Prepared, act: 'commit' | 'rollback', by: Finisher, done: () => void): void {
    prepared.isFinishing = true
    this.force(() => {
      this.prepared.delete(prepared.id)
      this.end(prepared, act, by)
      this.locks.release(prepared.xid)
    }, done)
  }

  /** Forces; `apply` runs when it is durable, `done` besides if the database lives. */
  force(apply: () => void, done: () => void): void {
    this.#writes.force(this.life, apply, done)
  }

  /** The end of a transaction is durable. */
  end(work: Work, act: 'commit' | 'rollback', by: Finisher): void {
    this.#running.delete(work.xid)
    const { observer } = this.#options
    this.note(
      `${act === 'commit' ? 'commits' : 'rolls back'} ${work.id}${by === 'operator' ? ' by hand' : ''}`,
    )
    if (act === 'rollback') {
      this.#fates.set(work.xid, 'aborted')
      return observer.rolledBack(this.name, work, by)
    }
    this.#fates.set(work.xid, 'committed')
    for (const [account, change] of work.changes) {
      this.balances.set(account, (this.balances.get(account) ?? 0) + change)
    }
    observer.committed(this.name, work, by)
  }

  /** A database operator finishes a prepared branch by hand. */
  finishByHand(act: 'commit' | 'rollback', isOurs: (id: string) => boolean): string | undefined {
    const candidates = [...this.prepared.values()].filter(
      ({ id, isFinishing }) => !isFinishing && isOurs(id),
    )
    if (this.life.isDead || candidates.length === 0) return undefined
    const chosen = this.random.pick(candidates)
    this.finish(chosen, act, 'operator', () => this.note(`has ended ${chosen.id} by hand`))
    return chosen.id
  }

  crash(): void {
    this.note('crashes')
    this.life.isDead = true
    this.sessions.clear()
    this.slots.clear()
    this.locks.clear()
    this.decisions?.crash()
    this.#writes.crash()
    this.#running.clear()
  }

  restart(): void {
    this.life = lifeOf(this.name)
    this.note(`is up again with ${this.prepared.size} prepared`)
    for (const prepared of this.prepared.values()) {
      prepared.isFinishing = false
      this.#running.add(prepared.xid)
      for (const account of prepared.changes.keys()) this.locks.keep(account, prepared.xid)
    }
  }

  #isPrepared(xid: string): boolean {
    return [...this.prepared.values()].some((prepared) => prepared.xid === xid)
  }
}

function lifeOf(name: string): Life {
  return { name, isDead: false, pausedUntilMs: 0 }
}
