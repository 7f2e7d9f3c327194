/**
 * One branch of a transaction at an SQL database: from its beginning to the end of phase 2.
 *
 * Keeps A4 (nothing of the user's is sent after the seal), A5 and A6 (votes and acknowledgements are
 * what the server proved), and the pool's connections: one goes back only idle and as it was. A call
 * that hangs is taken over by the next one, which closes the session under it.
 */
import type { Decision } from '../../core/decision.ts'
import type { DecisionRow } from '../../core/decision-table.ts'
import { messageOf } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type { Clock, Timers } from '../../core/ports.ts'
import type { Acknowledgement, Branch, OnePhaseResult, Savepoint, Vote } from '../contract.ts'
import type { BranchActs } from './branch-acts.ts'
import { Alarm, within } from './deadline.ts'
import type { Gate } from './gate.ts'
import type { Work } from './work.ts'

export interface BranchParts {
  readonly acts: BranchActs
  readonly gate: Gate
  readonly work: Work
  readonly clock: Clock
  readonly timers: Timers
  /** When the transaction's time is over, by the monotonic clock. */
  readonly deadlineMs: number
  /** The bound on one answer of the server in phase 2. */
  readonly answerTimeoutMs: number
}

type Phase =
  | { readonly at: 'open' }
  | { readonly at: 'voting' }
  | { readonly at: 'committing' }
  /** Wrote nothing; open until phase 2. */
  | { readonly at: 'read-only' }
  | { readonly at: 'prepared'; readonly evidence: string | undefined }
  /** The vote was asked for, and nobody knows what became of it. */
  | { readonly at: 'unsure' }
  /** An open transaction is being ended. */
  | { readonly at: 'ending' }
  | { readonly at: 'over'; readonly answer: Acknowledgement }

const done: Acknowledgement = { result: 'done' }

/** The least that a vote is waited for. */
const voteLimitMinMs = 1_000

export class SqlBranch implements Branch<object> {
  readonly #parts: BranchParts
  readonly #hold: Alarm
  #phase: Phase = { at: 'open' }
  #unfinished: readonly string[] = []
  /** Whether phase 2 waits for an answer of the session. */
  #isAsking = false

  constructor(parts: BranchParts) {
    this.#parts = parts
    this.#hold = new Alarm(parts.timers)
  }

  /** Absent where the database keeps no decisions. */
  get commitWithDecision(): ((row: DecisionRow) => Promise<OnePhaseResult>) | undefined {
    const { acts } = this.#parts
    const carry = acts.commitWithDecision?.bind(acts)
    if (carry === undefined) return undefined
    // Whoever learns later how that ended learns it from the row, which stands for the work as well.
    return (row) =>
      this.#commitAtOnce(
        (limitMs) => carry(row, limitMs),
        () => done,
      )
  }

  get client(): object {
    return this.#parts.acts.client
  }

  get doomed(): { readonly cause: unknown } | undefined {
    const { work, acts, gate } = this.#parts
    if (this.#phase.at !== 'open') return work.doomed
    return work.doomed ?? acts.lost ?? (gate.isSealed ? work.failure : undefined)
  }

  seal(): readonly string[] {
    const { gate, work } = this.#parts
    if (!gate.isSealed) this.#unfinished = work.unfinished()
    gate.seal()
    return this.#unfinished
  }

  async prepare(): Promise<Vote> {
    this.#mustBeSealed()
    if (this.#unfinished.length > 0) {
      await this.#endOpen('rollback')
      return { vote: 'no', cause: this.#unfinishedError() }
    }
    this.#phase = { at: 'voting' }
    const cast = await this.#parts.acts.vote(this.#limitMs)
    // A rollback that could not wait has taken over.
    if (this.#phase.at !== 'voting') return { vote: 'unknown', cause: new Error('given up') }
    if (cast.vote === 'yes') {
      this.#phase = { at: 'prepared', evidence: cast.evidence }
      // The decision is due at once; a session is not kept for one that does not come.
      this.#hold.set(this.#parts.answerTimeoutMs / 2, () => this.#partPrepared())
    } else if (cast.vote === 'unknown') {
      this.#phase = { at: 'unsure' }
      this.#discard(cast.cause)
    } else if (cast.vote === 'read-only' && !cast.ended) {
      this.#phase = { at: 'read-only' }
    } else {
      this.#over(done)
    }
    return cast
  }

  commitOnePhase(): Promise<OnePhaseResult> {
    const { acts } = this.#parts
    return this.#commitAtOnce(
      (limitMs) => acts.commitWithoutVote(limitMs),
      (cause) => {
        const detail = `nobody can tell how its one-phase commit ended: ${messageOf(cause)}`
        return { result: 'heuristic', kind: 'hazard', detail }
      },
    )
  }

  commit(): Promise<Acknowledgement> {
    return this.#finish('committed')
  }

  rollback(): Promise<Acknowledgement> {
    return this.#finish('aborted')
  }

  savepoint(): Promise<Savepoint> {
    const { acts, gate } = this.#parts
    return acts.savepoint(gate.nextName())
  }

  /** Commits without a vote; where nobody knows how that ended, `answerOf` says what is told later. */
  async #commitAtOnce(
    commit: (limitMs: number) => Promise<OnePhaseResult>,
    answerOf: (cause: unknown) => Acknowledgement,
  ): Promise<OnePhaseResult> {
    this.#mustBeSealed()
    if (this.#unfinished.length > 0) {
      const { result } = await this.#endOpen('rollback')
      const cause = this.#unfinishedError()
      return { result: result === 'done' ? 'aborted' : 'unknown', cause }
    }
    this.#phase = { at: 'committing' }
    const ended = await commit(this.#limitMs)
    if (ended.result === 'unknown') {
      this.#phase = { at: 'over', answer: answerOf(ended.cause) }
      this.#discard(ended.cause)
    } else this.#over(done)
    return ended
  }

  #finish(decision: Decision): Promise<Acknowledgement> {
    const phase = this.#phase
    switch (phase.at) {
      case 'over':
        return Promise.resolve(phase.answer)
      case 'read-only':
        return this.#endOpen(decision === 'committed' ? 'commit' : 'rollback')
      case 'ending':
        this.#discard(new Error('the rollback was not answered'))
        return Promise.resolve(this.#over(done))
      case 'prepared':
        return this.#finishPrepared(decision, phase.evidence)
      case 'unsure':
        return this.#finishUnsure(decision)
      case 'open':
        if (decision === 'aborted') return this.#endOpen('rollback')
        break
      case 'voting':
        if (decision === 'committed') break
        this.#phase = { at: 'unsure' }
        this.#discard(new Error('the vote was given up'))
        return this.#finishUnsure(decision)
      case 'committing':
        break
    }
    const cause = new Error(`the branch is ${phase.at} and was told ${decision}`)
    return Promise.resolve({ result: 'unknown', cause })
  }

  /**
   * Ends a transaction that is not prepared. It is over whatever is answered: neither prepared nor
   * committed, the server keeps nothing of it, and what only read has nothing to keep; where its work
   * may have ended it, the answer says so.
   */
  async #endOpen(how: 'commit' | 'rollback'): Promise<Acknowledgement> {
    const { acts, gate, work, timers, answerTimeoutMs } = this.#parts
    gate.seal()
    this.#phase = { at: 'ending' }
    // Behind an open cursor or a running statement a ROLLBACK would wait, perhaps for ever.
    if (work.isBusy) {
      this.#discard(this.#unfinishedError())
      acts.endSession()
    }
    let answer = acts.unansweredEnd
    if (acts.isHeld && acts.lost === undefined) {
      try {
        answer = await within(timers, answerTimeoutMs, how, acts.endOpen(how))
      } catch (error) {
        this.#discard(error)
      }
    }
    return this.#over(answer)
  }

  async #finishPrepared(
    decision: Decision,
    evidence: string | undefined,
  ): Promise<Acknowledgement> {
    const { acts, timers, answerTimeoutMs } = this.#parts
    this.#hold.clear()
    if (acts.isHeld && acts.lost === undefined && !this.#isAsking) {
      this.#isAsking = true
      try {
        const asked = acts.finish(decision, evidence)
        return this.#over(await within(timers, answerTimeoutMs, `${decision} branch`, asked))
      } catch (cause) {
        this.#discard(cause)
        return { result: 'unknown', cause }
      } finally {
        this.#isAsking = false
      }
    }
    this.#discard(acts.lost?.cause ?? new Error('the session did not answer'))
    return this.#taken(await acts.deliver(decision, evidence))
  }

  async #finishUnsure(decision: Decision): Promise<Acknowledgement> {
    return this.#taken(await this.#parts.acts.deliverUnsure(decision))
  }

  /** Ends the branch unless the answer leaves it open. */
  #taken(answer: Acknowledgement): Acknowledgement {
    return answer.result === 'unknown' ? answer : this.#over(answer)
  }

  #over(answer: Acknowledgement): Acknowledgement {
    this.#phase = { at: 'over', answer }
    this.#letGo()
    return answer
  }

  #letGo(): void {
    const { acts, work } = this.#parts
    this.#hold.clear()
    if (acts.isHeld && work.isBusy) this.#discard(this.#unfinishedError())
    else acts.giveBack()
  }

  /** The decision did not come in time; the branch stays prepared without its session. */
  #partPrepared(): void {
    this.#hold.clear()
    this.#parts.acts.partPrepared()
  }

  #discard(cause: unknown): void {
    this.#parts.acts.discard(cause)
  }

  /** How long a vote or a commit may take: what the transaction has left, or a little. */
  get #limitMs(): number {
    const { clock, deadlineMs } = this.#parts
    return Math.max(voteLimitMinMs, deadlineMs - clock.monotonicMs())
  }

  #mustBeSealed(): void {
    invariant(
      this.#parts.gate.isSealed && this.#phase.at === 'open',
      'A4',
      'asked to end before its seal, or twice',
      this.#phase.at,
    )
  }

  #unfinishedError(): Error {
    return new Error(`work was not ended: ${this.#unfinished.join('; ')}`)
  }
}
