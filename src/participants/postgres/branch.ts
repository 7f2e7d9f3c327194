/**
 * One branch of a transaction at PostgreSQL: from BEGIN to the end of phase 2.
 *
 * Keeps A4 (nothing of the user's is sent after the seal), A5 and A6 (votes and acknowledgements are
 * what the server proved), and the pool's connections: one goes back only idle and as it was. A call
 * that hangs is taken over by the next one, which closes the session under it.
 */
import type { Decision } from '../../core/decision.ts'
import { invariant } from '../../core/invariant.ts'
import type { Acknowledgement, Branch, OnePhaseResult, Savepoint, Vote } from '../contract.ts'
import type { BranchParts } from './branch-parts.ts'
import { Alarm, within } from './deadline.ts'
import { deliver, deliverUnsure, endSession } from './delivery.ts'
import { type Finishing, finish } from './fate.ts'
import { setSavepoint } from './savepoints.ts'
import type { DurabilityRaise } from './sql.ts'
import { commitWithoutVote, type Voting, vote } from './vote.ts'

type Phase =
  | { readonly at: 'open' }
  | { readonly at: 'voting' }
  | { readonly at: 'committing' }
  /** Wrote nothing; open until phase 2. */
  | { readonly at: 'read-only' }
  | { readonly at: 'prepared'; readonly evidence: string | undefined }
  /** PREPARE was sent, and nobody knows what became of it. */
  | { readonly at: 'unsure' }
  /** ROLLBACK of an open transaction is under way. */
  | { readonly at: 'ending' }
  | { readonly at: 'over'; readonly answer: Acknowledgement }

const done: Acknowledgement = { result: 'done' }

/** A vote may take as long as the transaction has time left, and at least this. */
const voteLimitMinMs = 1_000

export class PostgresBranch implements Branch<object> {
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

  get client(): object {
    return this.#parts.guarded.client
  }

  get doomed(): { readonly cause: unknown } | undefined {
    const { work, session, dispatcher } = this.#parts
    if (this.#phase.at !== 'open') return work.doomed
    return work.doomed ?? session.lost ?? (dispatcher.isSealed ? work.failure : undefined)
  }

  seal(): readonly string[] {
    const { dispatcher, work } = this.#parts
    if (!dispatcher.isSealed) this.#unfinished = work.unfinished()
    dispatcher.seal()
    return this.#unfinished
  }

  async prepare(): Promise<Vote> {
    this.#mustBeSealed()
    if (this.#unfinished.length > 0) {
      await this.#endOpen('rollback')
      return { vote: 'no', cause: this.#unfinishedError() }
    }
    this.#phase = { at: 'voting' }
    const cast = await vote(this.#voting())
    // A rollback that could not wait has taken over.
    if (this.#phase.at !== 'voting') return { vote: 'unknown', cause: new Error('given up') }
    if (cast.vote === 'yes') {
      this.#phase = { at: 'prepared', evidence: cast.evidence }
      // The decision is due at once; a session is not kept for one that does not come.
      this.#hold.set(this.#parts.answerTimeoutMs / 2, () => this.#letGo())
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

  async commitOnePhase(): Promise<OnePhaseResult> {
    this.#mustBeSealed()
    if (this.#unfinished.length > 0) {
      await this.#endOpen('rollback')
      return { result: 'aborted', cause: this.#unfinishedError() }
    }
    this.#phase = { at: 'committing' }
    const ended = await commitWithoutVote(this.#voting())
    if (ended.result === 'unknown') {
      const detail = 'the answer to its one-phase commit was lost'
      this.#phase = { at: 'over', answer: { result: 'heuristic', kind: 'hazard', detail } }
      this.#discard(ended.cause)
    } else this.#over(done)
    return ended
  }

  commit(): Promise<Acknowledgement> {
    return this.#finish('committed')
  }

  rollback(): Promise<Acknowledgement> {
    return this.#finish('aborted')
  }

  savepoint(): Promise<Savepoint> {
    const { session, work, dispatcher } = this.#parts
    return setSavepoint(session, work, dispatcher.nextName())
  }

  async #finish(decision: Decision): Promise<Acknowledgement> {
    const phase = this.#phase
    switch (phase.at) {
      case 'over':
        return phase.answer
      case 'read-only':
        return await this.#endOpen(decision === 'committed' ? 'commit' : 'rollback')
      case 'ending':
        this.#discard(new Error('ROLLBACK was not answered'))
        return this.#over(done)
      case 'prepared':
        return await this.#finishPrepared(decision, phase.evidence)
      case 'unsure':
        return await this.#finishUnsure(decision)
      case 'open':
        if (decision === 'aborted') return await this.#endOpen('rollback')
        break
      case 'voting':
        if (decision === 'committed') break
        this.#phase = { at: 'unsure' }
        this.#discard(new Error('the vote was given up'))
        return await this.#finishUnsure(decision)
      case 'committing':
        break
    }
    const cause = new Error(`the branch is ${phase.at} and was told ${decision}`)
    return { result: 'unknown', cause }
  }

  /**
   * Ends a transaction that is not prepared. It is done whatever is answered: without PREPARE or
   * COMMIT the server keeps nothing of it, and what only read has nothing to keep.
   */
  async #endOpen(text: 'commit' | 'rollback'): Promise<Acknowledgement> {
    const { session, work, dispatcher, timers, answerTimeoutMs } = this.#parts
    const { reserve, serverSession } = this.#parts
    dispatcher.seal()
    this.#phase = { at: 'ending' }
    // Behind an open cursor or a running statement a ROLLBACK would wait, perhaps for ever.
    if (work.isBusy) {
      this.#discard(this.#unfinishedError())
      endSession(reserve, serverSession)
    }
    if (session.held && session.lost === undefined) {
      try {
        await within(timers, answerTimeoutMs, text, session.send(text))
      } catch (error) {
        this.#discard(error)
      }
    }
    this.#over(done)
    return done
  }

  async #finishPrepared(
    decision: Decision,
    evidence: string | undefined,
  ): Promise<Acknowledgement> {
    const { session, reserve, timers, answerTimeoutMs } = this.#parts
    this.#hold.clear()
    const finishing = this.#finishing(decision, evidence)
    if (session.held && session.lost === undefined && !this.#isAsking) {
      this.#isAsking = true
      try {
        const asked = finish(session, finishing)
        return this.#over(await within(timers, answerTimeoutMs, `${decision} branch`, asked))
      } catch (cause) {
        this.#discard(cause)
        return { result: 'unknown', cause }
      } finally {
        this.#isAsking = false
      }
    }
    this.#discard(session.lost?.cause ?? new Error('the session did not answer'))
    return this.#taken(await deliver(reserve, finishing))
  }

  async #finishUnsure(decision: Decision): Promise<Acknowledgement> {
    const { reserve, timers, serverSession } = this.#parts
    const finishing = this.#finishing(decision, undefined)
    return this.#taken(await deliverUnsure(reserve, finishing, serverSession, timers))
  }

  #finishing(decision: Decision, evidence: string | undefined): Finishing {
    const { id, identity } = this.#parts
    return { id, decision, evidence, identity }
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

  /** Gives the session back as it came, or closes it where that can't be had. */
  #letGo(): void {
    const { session, work, guarded, weakDurability } = this.#parts
    this.#hold.clear()
    guarded.undress()
    if (!session.held) return
    if (work.isBusy) return this.#discard(this.#unfinishedError())
    if (work.sessionChange !== undefined) {
      // RESET would also undo what the pool's own set-up of the connection did.
      return this.#discard(new Error(`the branch changed its session: ${work.sessionChange}`))
    }
    const restore = `set synchronous_commit = ${weakDurability}`
    session.giveBack(weakDurability === undefined ? undefined : restore)
  }

  #discard(cause: unknown): void {
    const { session, guarded } = this.#parts
    guarded.undress()
    session.destroy(cause)
  }

  #voting(): Voting {
    const { id, session, work, timers, clock, deadlineMs, isSerializable } = this.#parts
    return {
      id,
      session,
      work,
      timers,
      limitMs: Math.max(voteLimitMinMs, deadlineMs - clock.monotonicMs()),
      answerTimeoutMs: this.#parts.answerTimeoutMs,
      isSerializable,
      raise: this.#raise(),
    }
  }

  #raise(): DurabilityRaise {
    const { work, weakDurability } = this.#parts
    if (weakDurability !== undefined || work.sessionChange !== undefined) return 'session'
    return work.mayHaveWeakened ? 'transaction' : 'none'
  }

  #mustBeSealed(): void {
    const { dispatcher } = this.#parts
    invariant(
      dispatcher.isSealed && this.#phase.at === 'open',
      'A4',
      'asked to end before its seal, or twice',
      this.#phase.at,
    )
  }

  #unfinishedError(): Error {
    return new Error(`work was not ended: ${this.#unfinished.join('; ')}`)
  }
}
