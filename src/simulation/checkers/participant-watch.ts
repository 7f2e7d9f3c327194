/**
 * Stands between the coordinator and one participant, changes nothing, and holds the coordinator to
 * account for what it asks and when:
 *
 * - A1: no branch is told to commit or to roll back against the decision that stands;
 * - A3: a decision, and the intent to commit a last resource, are durable before a message carries
 *   them;
 * - A4: nobody joins, and no client is open, once the first vote is asked;
 * - A5: every branch has voted before one is told to commit;
 * - A7, A8: only branches of logs that this incarnation holds, each begun once;
 * - A9: before a one-phase commit the log knows that absence says nothing.
 */
import { type BranchId, parseBranchId } from '../../core/ids.ts'
import type {
  Acknowledgement,
  BeginOptions,
  Branch,
  FinishableBranch,
  OnePhaseResult,
  Participant,
  Savepoint,
  Vote,
} from '../../participants/contract.ts'
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
  /** Branch ids that an operator told us to finish, though no log of ours made them. */
  readonly allowedStrangers: ReadonlySet<string>
}

/** The same participant, watched. */
export function watchedParticipant<Client>(
  participant: Participant<Client>,
  options: ParticipantWatchOptions,
): Participant<Client> {
  const { kind, canPrepare, canCommitOnePhase } = participant
  const watch = new Watch(options)
  const { listPrepared, evidenceOf } = participant
  return {
    kind,
    canPrepare,
    canCommitOnePhase,
    attach: (ports) => participant.attach(ports),
    check: () => participant.check(),
    close: () => participant.close(),
    begin: async (begin) => {
      const begun = watch.begins(begin, canPrepare)
      return new WatchedBranch(watch, begun, begin.id, await participant.begin(begin))
    },
    recover: (recovered) => {
      const branch = participant.recover(recovered)
      return {
        commit: () => watch.told(recovered.id, 'commit', branch),
        rollback: () => watch.told(recovered.id, 'rollback', branch),
      }
    },
    ...(listPrepared === undefined ? {} : { listPrepared: () => listPrepared.call(participant) }),
    ...(evidenceOf === undefined
      ? {}
      : {
          evidenceOf: (id: BranchId) => {
            options.count('evidence asked')
            return evidenceOf.call(participant, id)
          },
        }),
  }
}

/** A branch as the coordinator began it here, and whether its client is closed. */
interface WatchedBegun {
  readonly facts: TransactionFacts
  readonly begun: BegunBranch
}

class Watch {
  readonly #options: ParticipantWatchOptions

  constructor(options: ParticipantWatchOptions) {
    this.#options = options
  }

  begins({ id, transaction }: BeginOptions, canPrepare: boolean): WatchedBegun {
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
      vote: undefined,
      isAsked: false,
      isOnePhase: false,
      isSealed: false,
    }
    found.branches.set(number, begun)
    return { facts: found, begun }
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
    for (const { resource, vote, isOnePhase } of branches) {
      if (vote === 'yes' || vote === 'read-only' || isOnePhase) continue
      this.broken('A5', `${id} is told to commit while ${resource} has voted ${vote}`)
    }
  }

  #judgeRollback(found: TransactionFacts, id: BranchId): void {
    const { durable, isRuledOut } = this.#options
    const decision = durable.decisionOf(found.id)
    if (decision === 'committed') {
      this.broken('A1', `${id} is told to roll back, and committed stands`)
    }
    if (decision !== undefined || !durable.hasIntent(found.id)) return
    for (const [number, { canPrepare, resource, isOnePhase }] of found.branches) {
      const last = `assent.${found.id}.${number.toString(36)}` as BranchId
      if (canPrepare || !isOnePhase || isRuledOut(resource, last)) continue
      this.broken('A6', `${id} is told to roll back while ${resource} may yet have committed`)
    }
  }

  #allSealed(facts: TransactionFacts, id: BranchId): void {
    for (const branch of facts.branches.values()) {
      if (branch.isSealed) continue
      this.broken('A4', `${id} is asked while the client of ${branch.resource} is open`)
    }
  }
}

class WatchedBranch<Client> implements Branch<Client> {
  readonly #watch: Watch
  readonly #begun: WatchedBegun
  readonly #id: BranchId
  readonly #branch: Branch<Client>
  readonly savepoint?: () => Promise<Savepoint>

  constructor(watch: Watch, begun: WatchedBegun, id: BranchId, branch: Branch<Client>) {
    this.#watch = watch
    this.#begun = begun
    this.#id = id
    this.#branch = branch
    if (branch.savepoint !== undefined) this.savepoint = branch.savepoint.bind(branch)
  }

  get client(): Client {
    return this.#branch.client
  }

  get doomed(): Branch<Client>['doomed'] {
    return this.#branch.doomed
  }

  seal(): readonly string[] {
    this.#begun.begun.isSealed = true
    return this.#branch.seal()
  }

  async prepare(): Promise<Vote> {
    this.#watch.asks(this.#begun, this.#id)
    const vote = await this.#branch.prepare()
    this.#watch.voted(this.#begun, this.#id, vote)
    return vote
  }

  commitOnePhase(): Promise<OnePhaseResult> {
    this.#watch.commitsOnePhase(this.#begun, this.#id)
    return this.#branch.commitOnePhase()
  }

  commit(): Promise<Acknowledgement> {
    return this.#watch.told(this.#id, 'commit', this.#branch)
  }

  rollback(): Promise<Acknowledgement> {
    return this.#watch.told(this.#id, 'rollback', this.#branch)
  }
}

function wasAsked({ isAsked, isOnePhase }: BegunBranch): boolean {
  return isAsked || isOnePhase
}
