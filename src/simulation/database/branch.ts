/**
 * A branch at a simulated database, as an adapter over a driver would have it.
 *
 * It finishes on the connection that prepared while that lives, else by the branch's id over a
 * connection of its own; a vote or an acknowledgement is given only on the database's word.
 */

import type { DecisionRow } from '../../core/decision-table.ts'
import type { BranchId } from '../../core/ids.ts'
import type {
  Acknowledgement,
  Branch,
  OnePhaseResult,
  Savepoint,
  Vote,
} from '../../participants/contract.ts'
import type { Broken } from '../violations.ts'
import { type Connection, ConnectionLost } from './connection.ts'
import type { Act, Finish } from './finish.ts'
import type { Ending, Reply, Request, Statement } from './messages.ts'
import { StatementFailed } from './statement-failed.ts'

/** What the work gets as its client. */
export interface AccountClient {
  /** Changes an account's balance, and answers it. */
  add(account: string, amount: number): Promise<number>
  read(account: string): Promise<number>
}

export interface BranchOptions {
  readonly id: BranchId
  readonly connection: Connection
  /** Finishes a branch by its id, over another connection. */
  readonly finish: Finish
  /** Begins its transaction at the database, if that has not begun yet. */
  readonly begin: () => void
  /** Whether the database keeps decisions. */
  readonly keepsDecisions: boolean
  /** Gives the connection up; called once. */
  readonly release: () => void
  readonly broken: Broken
}

type Stage = 'open' | 'asked' | 'prepared' | 'read-only' | 'over'

export class DatabaseBranch implements Branch<AccountClient> {
  readonly client: AccountClient
  readonly #options: BranchOptions
  readonly #pending = new Map<number, string>()
  #stage: Stage = 'open'
  #isSealed = false
  #isReleased = false
  #statements = 0
  #evidence: string | undefined
  /** A finish under way on the branch's own connection: the next attempt uses another. */
  #isFinishing = false
  #isCommitted = false
  doomed: { readonly cause: unknown } | undefined
  readonly commitWithDecision?: (row: DecisionRow) => Promise<OnePhaseResult>

  constructor(options: BranchOptions) {
    this.#options = options
    this.client = {
      add: (account, amount) => this.#ask({ type: 'add', account, amount }),
      read: (account) => this.#ask({ type: 'read', account }),
    }
    if (!options.keepsDecisions) return
    this.commitWithDecision = (row) => this.#commitAtOnce({ type: 'commit-with-decision', row })
  }

  seal(): readonly string[] {
    this.#isSealed = true
    return [...this.#pending.values()]
  }

  async savepoint(): Promise<Savepoint> {
    this.#statements += 1
    const name = this.#statements
    await this.#work({ type: 'savepoint', name })
    return {
      release: async () => {
        await this.#work({ type: 'release', name })
      },
      rollback: async () => {
        await this.#work({ type: 'rollback-to', name })
        this.doomed = undefined
      },
    }
  }

  async prepare(): Promise<Vote> {
    const { connection } = this.#options
    // Nothing was asked that could have prepared it, and its session is gone.
    if (connection.isLost) return this.#votedNo(new ConnectionLost('the connection was lost'))
    this.#stage = 'asked'
    let reply: Reply
    try {
      reply = await this.askToEnd({ type: 'prepare' })
    } catch (cause) {
      return { vote: 'unknown', cause }
    }
    switch (reply.type) {
      case 'prepared':
        this.#evidence = reply.xid
        if (this.#stage === 'asked') this.#stage = 'prepared'
        return { vote: 'yes', evidence: reply.xid }
      case 'read-only':
        if (this.#stage === 'asked') this.#stage = 'read-only'
        return { vote: 'read-only', ended: false }
      default:
        return this.#votedNo(new StatementFailed(codeOf(reply)))
    }
  }

  commitOnePhase(): Promise<OnePhaseResult> {
    return this.#commitAtOnce({ type: 'commit' })
  }

  async commit(): Promise<Acknowledgement> {
    const { id, broken } = this.#options
    if (this.#stage === 'read-only') return this.#endWork({ type: 'commit' })
    if (this.#stage === 'over' && this.#isCommitted) return { result: 'done' }
    if (this.#stage !== 'prepared') {
      broken('A5', `${id} is told to commit, and never proved a yes (it is ${this.#stage})`)
    }
    return this.#finish('commit')
  }

  async rollback(): Promise<Acknowledgement> {
    switch (this.#stage) {
      case 'over':
        return { result: 'done' }
      case 'open':
      case 'read-only':
        return this.#endWork({ type: 'rollback' })
      default:
        return this.#finish('rollback')
    }
  }

  /** Asks for its end; what it answers otherwise than by a reply is unknown. */
  protected askToEnd(ending: Ending): Promise<Reply> {
    this.#options.begin()
    return this.#options.connection.request(ending)
  }

  /** Finishes it over another connection. */
  protected finishElsewhere(act: Act, evidence: string | undefined): Promise<Acknowledgement> {
    return this.#options.finish(this.#options.id, act, evidence)
  }

  /** Without a vote. What was not asked over a connection that is gone can't have happened. */
  async #commitAtOnce(ending: Ending): Promise<OnePhaseResult> {
    const { id, connection } = this.#options
    if (connection.isLost) {
      this.#end()
      return { result: 'aborted', cause: new ConnectionLost('the connection was lost') }
    }
    try {
      const sent = ending.type === 'commit' ? undefined : connection.aboutToDecide(id)
      const asked = this.askToEnd(ending)
      sent?.()
      const reply = await asked
      if (reply.type === 'done') return { result: 'committed' }
      return { result: 'aborted', cause: new StatementFailed(codeOf(reply)) }
    } catch (cause) {
      return { result: 'unknown', cause }
    } finally {
      this.#end()
    }
  }

  #votedNo(cause: unknown): Vote {
    this.#end()
    return { vote: 'no', cause }
  }

  /** Ends a branch that is not prepared. If the connection is lost, so is its work. */
  async #endWork(request: Request): Promise<Acknowledgement> {
    try {
      await this.#options.connection.request(request)
    } catch {
      // The server ends the session by itself.
    }
    this.#end()
    return { result: 'done' }
  }

  async #finish(act: Act): Promise<Acknowledgement> {
    const { id, connection } = this.#options
    const isUsable = this.#stage === 'prepared' && !connection.isLost && !this.#isFinishing
    this.#isFinishing = true
    if (isUsable) {
      const type = act === 'commit' ? 'commit-prepared' : 'rollback-prepared'
      try {
        const reply = await connection.request({ type, id })
        if (reply.type === 'done') return this.#ended(act, { result: 'done' })
      } catch {
        // Nobody knows: ask over another connection.
      }
    }
    this.#release()
    const answer = await this.finishElsewhere(act, this.#evidence)
    return answer.result === 'unknown' ? answer : this.#ended(act, answer)
  }

  async #ask(statement: Statement): Promise<number> {
    const reply = await this.#work(statement)
    return reply.type === 'balance' ? reply.amount : Number.NaN
  }

  async #work(request: Request): Promise<Reply> {
    if (this.#isSealed && request.type !== 'rollback-to') throw new Error('the branch is closed')
    this.#statements += 1
    const number = this.#statements
    this.#pending.set(number, request.type)
    try {
      this.#options.begin()
      const reply = await this.#options.connection.request(request)
      if (reply.type === 'refused') throw new StatementFailed(reply.code)
      return reply
    } catch (cause) {
      this.doomed ??= { cause }
      throw cause
    } finally {
      this.#pending.delete(number)
    }
  }

  #ended(act: Act, answer: Acknowledgement): Acknowledgement {
    if (act === 'commit') this.#isCommitted = true
    this.#end()
    return answer
  }

  #end(): void {
    this.#stage = 'over'
    this.#release()
  }

  #release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#options.release()
  }
}

function codeOf(reply: Reply): string {
  return reply.type === 'refused' ? reply.code : reply.type
}
