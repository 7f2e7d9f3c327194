/**
 * What PostgreSQL does for one of its branches: the acts of `sql/branch.ts` on the branch's session,
 * and over the reserve once that is gone.
 */
import type { Decision } from '../../core/decision.ts'
import type { DecisionRow } from '../../core/decision-table.ts'
import type { BranchId } from '../../core/ids.ts'
import type { Timers } from '../../core/ports.ts'
import type { Acknowledgement, OnePhaseResult, Savepoint, Vote } from '../contract.ts'
import type { BranchActs } from '../sql/branch-acts.ts'
import type { Lost } from '../sql/gate.ts'
import type { Guarded } from '../sql/guarded-client.ts'
import type { Identity } from '../sql/identity.ts'
import { setSavepoint } from '../sql/savepoints.ts'
import { commitWithDecision } from './decisions/carry.ts'
import type { DecisionStatements } from './decisions/statements.ts'
import { deliver, deliverUnsure, endSession } from './delivery.ts'
import { type Finishing, finish } from './fate.ts'
import type { Opening } from './opening.ts'
import type { Reserve } from './reserve.ts'
import type { Session } from './session.ts'
import { type DurabilityRaise, undoSavepoint } from './sql.ts'
import { commitWithoutVote, type Voting, vote } from './vote.ts'
import type { PostgresWork } from './work.ts'

export interface ActsParts {
  readonly session: Session
  readonly work: PostgresWork
  readonly guarded: Guarded
  readonly reserve: Reserve
  readonly identity: Identity
  readonly timers: Timers
  /** The bound on one answer of the server in phase 2. */
  readonly answerTimeoutMs: number
  readonly id: BranchId
  readonly isSerializable: boolean
  readonly opening: Opening
  /** Of the tables in which this database keeps decisions, if it does. */
  readonly decisions: DecisionStatements
}

const done: Acknowledgement = { result: 'done' }

export class PostgresActs implements BranchActs {
  /** Inside a transaction the server lets nothing end it but what the guard sees. */
  readonly unansweredEnd: Acknowledgement = done
  readonly #parts: ActsParts

  constructor(parts: ActsParts) {
    this.#parts = parts
  }

  get client(): object {
    return this.#parts.guarded.client
  }

  get lost(): Lost {
    return this.#parts.session.lost
  }

  get isHeld(): boolean {
    return this.#parts.session.held
  }

  vote(limitMs: number): Promise<Vote> {
    // The server was asked for nothing.
    if (this.#parts.opening.isIdle) return Promise.resolve({ vote: 'read-only', ended: true })
    return vote(this.voting(limitMs))
  }

  async commitWithoutVote(limitMs: number): Promise<OnePhaseResult> {
    if (this.#parts.opening.isIdle) return { result: 'committed' }
    return await commitWithoutVote(this.voting(limitMs))
  }

  async commitWithDecision(row: DecisionRow, limitMs: number): Promise<OnePhaseResult> {
    const { opening, decisions: statements } = this.#parts
    const carrying = { ...this.voting(limitMs), opening, statements }
    return this.unlessUnknown(await commitWithDecision(carrying, row))
  }

  async savepoint(name: string): Promise<Savepoint> {
    const { session, work, opening } = this.#parts
    if (!opening.isBegun) await opening.begin()
    const dialect = { send: (text: string) => session.send(text), undoOf: undoSavepoint }
    return await setSavepoint(dialect, work, name)
  }

  async endOpen(how: 'commit' | 'rollback'): Promise<Acknowledgement> {
    const { session, opening } = this.#parts
    if (!opening.isIdle) await session.send(how)
    return done
  }

  finish(decision: Decision, evidence: string | undefined): Promise<Acknowledgement> {
    return finish(this.#parts.session, this.#finishing(decision, evidence))
  }

  deliver(decision: Decision, evidence: string | undefined): Promise<Acknowledgement> {
    return deliver(this.#parts.reserve, this.#finishing(decision, evidence))
  }

  deliverUnsure(decision: Decision): Promise<Acknowledgement> {
    const { reserve, opening, timers } = this.#parts
    const finishing = this.#finishing(decision, undefined)
    return deliverUnsure(reserve, finishing, opening.serverSession, timers)
  }

  endSession(): void {
    const { reserve, opening } = this.#parts
    endSession(reserve, opening.serverSession)
  }

  giveBack(): void {
    const { session, work, guarded, opening } = this.#parts
    guarded.undress()
    if (!session.held) return
    if (work.sessionChange !== undefined) {
      // RESET would also undo what the pool's own set-up of the connection did.
      return this.discard(new Error(`the branch changed its session: ${work.sessionChange}`))
    }
    const { weakDurability } = opening
    const restore = `set synchronous_commit = ${weakDurability}`
    session.giveBack(weakDurability === undefined ? undefined : restore)
  }

  /** A prepared branch needs its session no more. */
  partPrepared(): void {
    this.giveBack()
  }

  discard(cause: unknown): void {
    const { session, guarded } = this.#parts
    guarded.undress()
    session.destroy(cause)
  }

  #finishing(decision: Decision, evidence: string | undefined): Finishing {
    const { id, identity } = this.#parts
    return { id, decision, evidence, identity }
  }

  /** Where nobody knows how a commit ended, whoever asks its row would wait for what still runs. */
  protected unlessUnknown(ended: OnePhaseResult): OnePhaseResult {
    if (ended.result === 'unknown') this.endSession()
    return ended
  }

  protected voting(limitMs: number): Voting {
    const { id, session, work, timers, answerTimeoutMs, isSerializable, opening } = this.#parts
    const raise = this.raise()
    const { xid } = opening
    return { id, session, work, timers, limitMs, answerTimeoutMs, isSerializable, raise, xid }
  }

  /** Where `synchronous_commit` may be weaker than it must be. */
  protected raise(): DurabilityRaise {
    const { work, opening } = this.#parts
    if (opening.weakDurability !== undefined || work.sessionChange !== undefined) return 'session'
    return work.mayHaveWeakened ? 'transaction' : 'none'
  }
}
