/**
 * What MariaDB and MySQL do for one of their branches: the acts of `sql/branch.ts` on the branch's
 * session, and over the reserve once that is gone.
 *
 * Keeps MY-2: a session whose branch is prepared never goes back to the pool, because while it lives
 * nobody else can finish the branch; it is closed.
 */
import type { Decision } from '../../core/decision.ts'
import type { BranchId } from '../../core/ids.ts'
import type { Timers } from '../../core/ports.ts'
import type { Acknowledgement, OnePhaseResult, Savepoint, Vote } from '../contract.ts'
import type { BranchActs } from '../sql/branch-acts.ts'
import type { Lost } from '../sql/gate.ts'
import type { Guarded } from '../sql/guarded-client.ts'
import type { Identity } from '../sql/identity.ts'
import { setSavepoint } from '../sql/savepoints.ts'
import type { Beginnings } from './beginning.ts'
import { deliver, deliverUnsure, endSession } from './delivery.ts'
import { endedWithin, mayHaveEndedUnseen, rollBack, untransactional } from './ending.ts'
import { type Finishing, finish } from './fate.ts'
import type { Horizon } from './horizon.ts'
import type { Opening } from './opening.ts'
import type { Settings } from './options.ts'
import type { Reserve } from './reserve.ts'
import type { Database } from './server.ts'
import type { Session } from './session.ts'
import { commitOnePhase, undoSavepoint } from './sql.ts'
import { commitWithoutVote, type Voting, vote } from './vote.ts'
import type { MysqlWork } from './work.ts'

export interface ActsParts {
  readonly session: Session
  readonly opening: Opening
  readonly beginnings: Beginnings
  readonly work: MysqlWork
  readonly guarded: Guarded
  readonly reserve: Reserve
  readonly horizon: Horizon
  readonly identity: Identity
  readonly database: Database
  readonly settings: Settings
  readonly timers: Timers
  readonly id: BranchId
  /** Undefined for a transaction that can't prepare. */
  readonly xid: string | undefined
}

const done: Acknowledgement = { result: 'done' }

export class MysqlActs implements BranchActs {
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

  commitWithoutVote(limitMs: number): Promise<OnePhaseResult> {
    if (this.#parts.opening.isIdle) return Promise.resolve({ result: 'committed' })
    return commitWithoutVote(this.voting(limitMs))
  }

  async savepoint(name: string): Promise<Savepoint> {
    const { session, work, opening } = this.#parts
    if (opening.begun === undefined) await opening.begin()
    const dialect = { send: (text: string) => session.command(text), undoOf: undoSavepoint }
    return await setSavepoint(dialect, work, name)
  }

  get unansweredEnd(): Acknowledgement {
    const { xid, work } = this.#parts
    if (!mayHaveEndedUnseen(xid, work)) return done
    return { result: 'heuristic', kind: 'hazard', detail: endedWithin(work) }
  }

  async endOpen(how: 'commit' | 'rollback'): Promise<Acknowledgement> {
    const { session, opening, xid, work } = this.#parts
    if (opening.isIdle) return done
    if (how === 'commit') {
      await session.sendAll(commitOnePhase(session.sending, xid))
      return done
    }
    const ended = await rollBack({ session, xid, work })
    if (ended.state === 'ended-before') {
      return { result: 'heuristic', kind: 'hazard', detail: endedWithin(work) }
    }
    if (ended.state === 'gone' || !ended.leftBehind) return done
    return { result: 'heuristic', kind: 'committed', detail: untransactional }
  }

  finish(decision: Decision, evidence: string | undefined): Promise<Acknowledgement> {
    return finish(this.#parts.session, this.#finishing(decision, evidence))
  }

  deliver(decision: Decision, evidence: string | undefined): Promise<Acknowledgement> {
    const { reserve, timers } = this.#parts
    return deliver(reserve, this.#finishing(decision, evidence), timers)
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
    const { session, work, guarded, opening, beginnings } = this.#parts
    guarded.undress()
    if (!session.held) return
    if (work.sessionChange !== undefined) {
      // Nothing tells what the session had before, and a reset would undo the pool's own set-up.
      return this.discard(new Error(`the branch changed its session: ${work.sessionChange}`))
    }
    beginnings.giveBack(session, opening.isIdle ? undefined : opening.begun)
  }

  partPrepared(): void {
    this.discard(new Error('the decision about the prepared branch did not come'))
  }

  discard(cause: unknown): void {
    const { session, guarded } = this.#parts
    guarded.undress()
    session.destroy(cause)
  }

  #finishing(decision: Decision, evidence: string | undefined): Finishing {
    const { id, identity, database, settings } = this.#parts
    return { id, decision, evidence, identity, database, settings }
  }

  protected voting(limitMs: number): Voting {
    const { xid, session, opening, work, timers } = this.#parts
    const { own = {}, isHeldToReading = false } = opening.begun ?? {}
    const { serverSession } = opening
    const { answerTimeoutMs } = this.#parts.settings
    const { position } = this.#parts.horizon
    return {
      ...{ xid, session, serverSession, own, work, isHeldToReading, timers },
      ...{ limitMs, answerTimeoutMs, position },
    }
  }
}
