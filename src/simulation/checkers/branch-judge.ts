/**
 * Judges what the coordinator asks of the branches of one participant, and when; see
 * `participant-watch.ts`, which tells it.
 */
import type { DecisionRow } from '../../core/decision-table.ts'
import { type BranchId, parseBranchId, type TransactionId } from '../../core/ids.ts'
import { decodeDecision } from '../../log/participant/record-bytes.ts'
import type {
  Acknowledgement,
  BatchStatement,
  BeginOptions,
  FinishableBranch,
  OnePhaseResult,
  Vote,
} from '../../participants/contract.ts'
import { senderOf } from '../database/statements.ts'
import type { Place } from '../scheduler.ts'
import type { Broken } from '../violations.ts'
import type { DurableRecords } from './durable-records.ts'
import type { BegunBranch, Facts, TransactionFacts } from './facts.ts'
import type { Owners } from './owners.ts'

export interface ParticipantWatchOptions {
  readonly resource: string
  readonly by: Place
  readonly facts: Facts
  readonly durable: DurableRecords
  readonly owners: Owners
  readonly broken: Broken
  readonly count: (what: string) => void
  /** Whether a last resource can't commit this branch any more. */
  readonly isRuledOut: (resource: string, id: BranchId) => boolean
  /** Whether a decision can become durable without its log: then absence alone proves nothing. */
  readonly areDecisionsCarried: boolean
  /** Branch ids that an operator told us to finish, though no log of ours made them. */
  readonly allowedStrangers: ReadonlySet<string>
}

/** A branch as the coordinator began it here, and whether its client is closed. */
export interface WatchedBegun {
  readonly facts: TransactionFacts
  readonly begun: BegunBranch
}

export class BranchJudge {
  readonly #options: ParticipantWatchOptions

  constructor(options: ParticipantWatchOptions) {
    this.#options = options
  }

  /** With `statements` where they are all that the branch will do. */
  begins(
    { id, transaction }: BeginOptions,
    canPrepare: boolean,
    statements?: readonly BatchStatement[],
  ): WatchedBegun {
    const { facts, by, resource, owners } = this.#options
    const found = facts.begun(transaction, by.name)
    const number = parseBranchId(id)?.branch ?? -1
    owners.touched(found.parts.log, by, `begins ${id}`)
    if (found.beganBy !== by.name) this.broken('A8', `${id} was given out by ${found.beganBy}`)
    if (found.branches.has(number)) this.broken('A8', `${id} is begun twice`)
    const isLate = [...found.branches.values()].some(wasAsked)
    if (isLate) this.broken('A4', `${id} is begun after a vote was asked for`)
    const begun: BegunBranch = {
      resource,
      canPrepare,
      isBatch: statements !== undefined,
      vote: undefined,
      isAsked: false,
      isOnePhase: false,
      isSealed: false,
      carries: undefined,
    }
    found.branches.set(number, begun)
    if (statements !== undefined) this.runs(transaction, statements)
    return { facts: found, begun }
  }

  /** Statements of `execute` are run: with the vote of a branch, or before it. */
  runs(transaction: TransactionId, statements: readonly BatchStatement[]): void {
    const { facts, by } = this.#options
    const found = facts.begun(transaction, by.name)
    const [sender, sentIn = transaction] = senderOf(statements)
    facts.executes(found, sender)
    if (sentIn !== transaction) {
      this.broken('program', `${transaction} is given statements of ${sentIn}`)
    }
  }

  /** A vote is asked for: work must have ended everywhere. */
  asks({ facts, begun }: WatchedBegun, id: BranchId): void {
    if (begun.isAsked) this.broken('A5', `${id} is asked for its vote twice`)
    begun.isAsked = true
    this.#allSealed(facts, id)
  }

  voted({ facts, begun }: WatchedBegun, id: BranchId, vote: Vote): void {
    const { by, resource, count } = this.#options
    if (by.isDead) return
    begun.vote = vote.vote
    count(`vote ${vote.vote}`)
    if (begun.isBatch) count(`batch vote ${vote.vote}`)
    if (vote.vote === 'yes' && !facts.done.has(resource)) {
      this.broken('A5', `${id} is said to have voted yes, and never was prepared`)
    }
    if (vote.vote === 'no' && facts.done.get(resource)?.state === 'prepared') {
      this.broken('A6', `${id} is said to have voted no, and is prepared`)
    }
  }

  commitsOnePhase({ facts, begun }: WatchedBegun, id: BranchId): void {
    const { durable } = this.#options
    if (begun.isOnePhase) this.broken('A5', `${id} is told to commit in one phase twice`)
    begun.isOnePhase = true
    this.#allSealed(facts, id)
    const others = [...facts.branches.values()].filter((each) => each !== begun)
    for (const { resource, vote } of others) {
      if (vote === 'yes' || vote === 'read-only') continue
      this.broken('A5', `${id} is told to commit while ${resource} has voted ${vote}`)
    }
    if (others.some(({ vote }) => vote === 'yes')) {
      if (durable.hasIntent(facts.id)) return
      this.broken('A3', `${id} is told to commit before the intent is durable`)
    } else if (!durable.isMarkedOnePhase(facts.parts.log, facts.parts)) {
      this.broken('A9', `${id} commits in one phase, and absence would still mean abort`)
    }
  }

  committedOnePhase({ begun }: WatchedBegun, { result }: OnePhaseResult): void {
    const { by, count } = this.#options
    if (by.isDead) return
    begun.onePhase = result
    if (begun.isBatch) count(`batch commit ${result}`)
  }

  /** It commits, and the decision with it: all that A3 asks of a decision is asked of its row. */
  carries({ facts, begun }: WatchedBegun, id: BranchId, row: DecisionRow): void {
    if (begun.carries !== undefined) this.broken('A2', `${id} is told twice to commit its decision`)
    begun.carries = 'asked'
    this.#allSealed(facts, id)
    const others = [...facts.branches].filter(([, each]) => each !== begun)
    for (const [, { resource, vote }] of others) {
      if (vote === 'yes' || vote === 'read-only') continue
      this.broken('A5', `${id} is told to commit while ${resource} has voted ${vote}`)
    }
    this.#judgeRow(facts, id, row)
  }

  carried({ begun }: WatchedBegun, { result }: OnePhaseResult): void {
    const { by, count } = this.#options
    if (by.isDead) return
    begun.carries = result
    count(`carried decision ${result}`)
    if (begun.isBatch) count(`batch carried decision ${result}`)
  }

  async told(
    id: BranchId,
    act: 'commit' | 'rollback',
    branch: FinishableBranch,
  ): Promise<Acknowledgement> {
    const { by, facts } = this.#options
    if (!by.isDead) this.#judge(id, act)
    const answer = await (act === 'commit' ? branch.commit() : branch.rollback())
    if (answer.result === 'heuristic' && !by.isDead) {
      this.#options.count(`heuristic ${answer.kind}`)
      facts.ofBranch(id)?.heuristics.add(this.#options.resource)
    }
    return answer
  }

  /** Nothing that was sent for it can take effect any more. */
  rolledBack({ begun }: WatchedBegun, { result }: Acknowledgement): void {
    if (result === 'done' && !this.#options.by.isDead) begun.isGone = true
  }

  /** After a crash the row is all there is: it names every prepared branch, and where it is. */
  #judgeRow({ id, parts, branches }: TransactionFacts, branch: BranchId, row: DecisionRow): void {
    const { durable } = this.#options
    const { log, transaction, decision } = row
    const { epoch, counter } = transaction
    const isOwn = log === parts.log && epoch === parts.epoch && counter === parts.counter
    const record = decodeDecision(branch, row.record)
    if (!isOwn || decision !== 'committed' || record.decision !== 'committed') {
      return this.broken('A2', `${branch} carries a row that is not the decision of ${id}`)
    }
    const named = new Set(record.branches.map((each) => each.branch))
    for (const [number, { vote, resource }] of branches) {
      if (vote !== 'yes' || named.has(number)) continue
      this.broken('A10', `${branch} carries a decision that does not name ${resource}`)
    }
    for (const { resource } of record.branches) {
      if (durable.hasResource(log, resource)) continue
      this.broken('A10', `${branch} carries a decision whose resource ${resource} is not recorded`)
    }
  }

  broken(...violation: Parameters<Broken>): void {
    const { by, broken } = this.#options
    if (!by.isDead) broken(violation[0], `${by.name}: ${violation[1]}`)
  }

  #judge(id: BranchId, act: 'commit' | 'rollback'): void {
    const { facts, owners, by, allowedStrangers } = this.#options
    const parts = parseBranchId(id)
    if (allowedStrangers.has(id)) return
    const found = facts.ofBranch(id)
    if (parts === undefined || found === undefined) {
      return this.broken('A7', `tells ${id} to ${act}, which no log of ours gave out`)
    }
    // A branch that was never asked to prepare is its session's alone, whoever holds the log by now.
    if (found.branches.get(parts.branch)?.isAsked)
      owners.touched(parts.log, by, `tells ${id} to ${act}`)
    if (act === 'commit') this.#judgeCommit(found, id)
    else this.#judgeRollback(found, id)
  }

  #judgeCommit(found: TransactionFacts, id: BranchId): void {
    const { durable } = this.#options
    const branches = [...found.branches.values()]
    const decision = durable.decisionOf(found.id)
    if (decision === 'aborted') this.broken('A1', `${id} is told to commit, and aborted stands`)
    const isPrepared = branches.some(({ vote }) => vote === 'yes')
    if (isPrepared && decision === undefined) {
      this.broken('A3', `${id} is told to commit before that decision is durable`)
    }
    for (const { resource, vote, isOnePhase, carries } of branches) {
      if (vote === 'yes' || vote === 'read-only' || isOnePhase || carries) continue
      this.broken('A5', `${id} is told to commit while ${resource} has voted ${vote}`)
    }
  }

  #judgeRollback(found: TransactionFacts, id: BranchId): void {
    const { durable, isRuledOut } = this.#options
    const decision = durable.decisionOf(found.id)
    if (decision === 'committed') {
      this.broken('A1', `${id} is told to roll back, and committed stands`)
    }
    if (decision === undefined && this.#options.areDecisionsCarried) this.#judgePresumed(found, id)
    if (decision !== undefined || !durable.hasIntent(found.id)) return
    for (const [number, { canPrepare, resource, isOnePhase }] of found.branches) {
      const last = `assent.${found.id}.${number.toString(36)}` as BranchId
      if (canPrepare || !isOnePhase || isRuledOut(resource, last)) continue
      this.broken('A6', `${id} is told to roll back while ${resource} may yet have committed`)
    }
  }

  /**
   * Nothing says that it aborted. Who began it knows whether its decision was ever sent to a branch,
   * and what that one answered; everybody else, and whoever was not answered, has to presume first.
   */
  #judgePresumed(found: TransactionFacts, id: BranchId): void {
    const { by } = this.#options
    const branches = [...found.branches.values()]
    const carrier = branches.find(({ carries }) => carries === 'asked' || carries === 'unknown')
    if (carrier !== undefined) {
      this.broken('A6', `${id} is told to roll back while ${carrier.resource} may yet commit`)
    } else if (found.beganBy !== by.name && branches.some(({ isAsked }) => isAsked)) {
      this.broken('A9', `${id} is told to roll back, and its absence was not made final`)
    }
  }

  #allSealed(facts: TransactionFacts, id: BranchId): void {
    for (const branch of facts.branches.values()) {
      if (branch.isSealed) continue
      this.broken('A4', `${id} is asked while the client of ${branch.resource} is open`)
    }
  }
}

function wasAsked({ isAsked, isOnePhase, carries }: BegunBranch): boolean {
  return isAsked || isOnePhase || carries !== undefined
}
