/**
 * The server's end of one connection to a simulated database: it takes requests one after another,
 * and holds at most one open transaction. Its end rolls back what is open and was not prepared.
 */

import type { DecisionRow } from '../../core/decision-table.ts'
import type { Place } from '../scheduler.ts'
import type { Database, OpenSession, Prepared } from './database.ts'
import { isTableRequest, rowName } from './decisions/messages.ts'
import { DecisionServer } from './decisions/server.ts'
import type { SlotHolder } from './decisions/slot-holder.ts'
import type { StoredDecisions } from './decisions/stored-decisions.ts'
import { type Batch, type BranchRequest, type Reply, type Request, refused } from './messages.ts'
import { balanceIn, beginWork, type OpenWork, rollBackTo } from './open-work.ts'

/** A decision that a local commit takes along. */
interface Carried {
  readonly row: DecisionRow
  readonly decisions: StoredDecisions
}

type Answer = (reply: Reply) => void

/** The connection as the server knows it. */
export interface Peer {
  readonly client: Place
  break(): void
}

export class Session implements SlotHolder, OpenSession {
  readonly pid: number
  readonly client: Place
  readonly #peer: Peer
  readonly #database: Database
  readonly #waiting: { readonly request: Request; readonly answer: Answer }[] = []
  #isBusy = false
  readonly #decisions: DecisionServer | undefined
  #isOver = false
  #work: OpenWork | undefined
  /** Told when what is being carried out has ended. */
  readonly #whenIdle: (() => void)[] = []

  constructor(database: Database, peer: Peer, pid: number) {
    const { decisions } = database
    this.pid = pid
    this.#database = database
    this.#peer = peer
    this.client = peer.client
    this.#decisions = decisions && new DecisionServer(database, decisions, this)
    database.sessions.add(this)
  }

  /** The branch whose work is open, if there is one. */
  get branch(): string | undefined {
    return this.#work?.id
  }

  take(request: Request, answer: Answer): void {
    if (this.#isOver) return
    this.#waiting.push({ request, answer })
    this.#next()
  }

  /** The connection is gone. A request that is being carried out still ends. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#waiting.length = 0
    if (!this.#isBusy) this.#forget()
  }

  terminate(): void {
    this.end()
    this.#peer.break()
  }

  /** What waits for a lock is given up; a forced write can't be, so its end is waited for. */
  kill(done: () => void): void {
    this.terminate()
    if (!this.#isBusy) return done()
    if (this.#work === undefined) return void this.#whenIdle.push(done)
    this.#forget()
    done()
  }

  #next(): void {
    if (this.#isBusy) return
    const next = this.#waiting.shift()
    if (next === undefined) return
    this.#isBusy = true
    this.#carryOut(next.request, (reply) => {
      this.#isBusy = false
      if (reply.type === 'refused' && this.#work !== undefined) this.#work.hasFailed = true
      if (this.#isOver) {
        this.#forget()
        for (const told of this.#whenIdle) told()
        return
      }
      next.answer(reply)
      this.#next()
    })
  }

  /** What the server does when it has seen that the session is over. */
  #forget(): void {
    this.#database.sessions.delete(this)
    this.#dropWork()
    this.#decisions?.end()
  }

  #dropWork(): void {
    if (this.#work === undefined) return
    this.#database.note(`drops ${this.#work.id}`)
    this.#database.drop(this.#work.xid)
    this.#work = undefined
  }

  #carryOut(request: Request, answer: Answer): void {
    const database = this.#database
    if (isTableRequest(request)) {
      if (this.#decisions === undefined) return answer(refused('notLocked'))
      return this.#decisions.carryOut(request, answer)
    }
    switch (request.type) {
      case 'identify': {
        const { fingerprint, preparedLimit } = database
        return answer({ type: 'identity', fingerprint, preparedLimit })
      }
      case 'begin':
        this.#work = beginWork(database, request)
        return answer({ type: 'done' })
      case 'batch':
        return this.#batch(request, answer)
      case 'end-session':
        return database.endSession(request.pid, () => answer({ type: 'done' }))
      case 'fate':
        return answer({ type: 'fate', fate: database.fateOf(request.xid) })
      case 'list': {
        const prepared = [...database.prepared.values()].map(({ id, preparedAtMs }) => ({
          id,
          preparedAtMs,
        }))
        return answer({ type: 'list', prepared })
      }
      case 'commit-prepared':
        return this.#finish(request.id, 'commit', answer)
      case 'rollback-prepared':
        return this.#finish(request.id, 'rollback', answer)
      default:
        return this.#inTransaction(request, answer)
    }
  }

  #batch({ id, lockTimeoutMs, statements, ending }: Batch, answer: Answer): void {
    const steps = [...statements, ending]
    const replies: Reply[] = []
    const next = (): void => {
      const step = steps[replies.length]
      if (step === undefined) return answer({ type: 'batch', replies })
      this.#carryOut(step, (reply) => {
        replies.push(reply)
        if (reply.type !== 'refused') return next()
        if (this.#work !== undefined) this.#work.hasFailed = true
        answer({ type: 'batch', replies })
      })
    }
    this.#carryOut({ type: 'begin', id, lockTimeoutMs }, next)
  }

  #finish(id: string, act: 'commit' | 'rollback', answer: Answer): void {
    const prepared: Prepared | undefined = this.#database.prepared.get(id)
    if (prepared === undefined) return answer(refused('unknownId'))
    if (prepared.isFinishing) return answer(refused('busy'))
    this.#database.finish(prepared, act, 'participant', () => answer({ type: 'done' }))
  }

  #inTransaction(request: BranchRequest, answer: Answer): void {
    const work = this.#work
    if (work === undefined) return answer(refused('noTransaction'))
    if (request.type === 'rollback') {
      this.#dropWork()
      return answer({ type: 'done' })
    }
    if (work.hasFailed && request.type !== 'rollback-to') {
      if (request.type === 'prepare' || request.type.startsWith('commit')) this.#dropWork()
      return answer(refused('failedTransaction'))
    }
    switch (request.type) {
      case 'add':
        return this.#add(work, request.account, request.amount, answer)
      case 'read':
        return answer(balanceIn(work, this.#database, request.account))
      case 'savepoint':
        work.savepoints.set(request.name, new Map(work.changes))
        return answer({ type: 'done' })
      case 'release':
        work.savepoints.delete(request.name)
        return answer({ type: 'done' })
      case 'rollback-to':
        return answer(rollBackTo(work, request.name))
      case 'prepare':
        return this.#prepare(work, request.evenIfEmpty === true, answer)
      case 'commit':
        return this.#commit(work, answer)
      case 'commit-with-decision':
        return this.#insert(work, request.row, answer)
    }
  }

  #add(work: OpenWork, account: string, amount: number, answer: Answer): void {
    const { locks, random, conditions } = this.#database
    locks.take(account, work.xid, work.lockTimeoutMs, {
      granted: () => {
        if (this.#work !== work) return
        if (random.chance(conditions.conflictChance)) return answer(refused('conflict'))
        work.changes.set(account, (work.changes.get(account) ?? 0) + amount)
        answer(balanceIn(work, this.#database, account))
      },
      timedOut: () => answer(refused('lockTimeout')),
    })
  }

  #prepare(work: OpenWork, evenIfEmpty: boolean, answer: Answer): void {
    const database = this.#database
    const { random, conditions, prepared, preparedLimit } = database
    if (work.changes.size === 0 && !evenIfEmpty) return answer({ type: 'read-only' })
    const refusal =
      (prepared.has(work.id) && 'duplicateId') ||
      (prepared.size >= preparedLimit && 'noPreparedSlot') ||
      (random.chance(conditions.noVoteChance) && 'deferredCheck')
    if (refusal) {
      this.#dropWork()
      return answer(refused(refusal))
    }
    this.#work = undefined
    database.prepare(work, () => answer({ type: 'prepared', xid: work.xid }))
  }

  /**
   * The row first, plainly: whoever is about to insert under its key is waited for. Its epoch is read
   * from its log, before that wait: a row of an epoch that is over is none.
   */
  #insert(work: OpenWork, row: DecisionRow, answer: Answer): void {
    const { locks, decisions } = this.#database
    if (decisions === undefined) return answer(refused('notLocked'))
    const epoch = (work.snapshot ?? decisions.epochs()).get(row.log)
    if (epoch !== row.transaction.epoch) {
      decisions.count('insert of an epoch that is over')
      this.#dropWork()
      return answer(refused('notNull'))
    }
    const name = rowName(row.log, row.transaction)
    if (locks.isTaken(name)) decisions.count('insert waits for a presumption')
    locks.take(name, work.xid, work.lockTimeoutMs, {
      granted: () => {
        if (decisions.row(row.log, row.transaction) === undefined) {
          return this.#commit(work, answer, { row, decisions })
        }
        decisions.count('insert meets a presumed row')
        this.#dropWork()
        answer(refused('duplicateKey'))
      },
      timedOut: () => {
        this.#dropWork()
        answer(refused('lockTimeout'))
      },
    })
  }

  #commit(work: OpenWork, answer: Answer, carried?: Carried): void {
    const database = this.#database
    if (work.changes.size > 0 && database.random.chance(database.conditions.noVoteChance)) {
      this.#dropWork()
      return answer(refused('deferredCheck'))
    }
    this.#work = undefined
    const committed = (): void => {
      carried?.decisions.insert(carried.row, new Set())
      database.end(work, 'commit', 'participant')
      database.locks.release(work.xid)
    }
    if (work.changes.size > 0 || carried !== undefined)
      return database.force(committed, () => answer({ type: 'done' }))
    committed()
    answer({ type: 'done' })
  }
}
