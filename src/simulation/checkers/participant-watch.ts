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
 * - A9: before a one-phase commit the log knows that absence says nothing; where decisions are kept
 *   in a participant, absence is made final before a branch is rolled back for it.
 */
import type { DecisionRow } from '../../core/decision-table.ts'
import type { BranchId, TransactionId } from '../../core/ids.ts'
import type {
  Acknowledgement,
  BatchBranch,
  BatchStatement,
  BeginOptions,
  Branch,
  FailedStatement,
  OnePhaseResult,
  Participant,
  Savepoint,
  Vote,
} from '../../participants/contract.ts'
import { BranchJudge, type ParticipantWatchOptions, type WatchedBegun } from './branch-judge.ts'

/** The same participant, watched. */
export function watchedParticipant<Client, Result>(
  participant: Participant<Client, Result>,
  options: ParticipantWatchOptions,
): Participant<Client, Result> {
  const { kind, canPrepare, canCommitOnePhase } = participant
  const watch = new BranchJudge(options)
  const { listPrepared, evidenceOf, beginBatch, runBatch } = participant
  const transactions = new WeakMap<object, TransactionId>()
  return {
    kind,
    canPrepare,
    canCommitOnePhase,
    attach: (ports) => participant.attach(ports),
    check: () => participant.check(),
    close: () => participant.close(),
    begin: async (begin) => {
      const begun = watch.begins(begin, canPrepare)
      const branch = await participant.begin(begin)
      transactions.set(branch.client as object, begin.transaction)
      return new WatchedBranch(watch, begun, begin.id, branch)
    },
    recover: (recovered) => {
      const branch = participant.recover(recovered)
      return {
        commit: () => watch.told(recovered.id, 'commit', branch),
        rollback: () => watch.told(recovered.id, 'rollback', branch),
      }
    },
    ...(beginBatch === undefined
      ? {}
      : {
          beginBatch: async (begin: BeginOptions, statements: readonly BatchStatement[]) => {
            const begun = watch.begins(begin, canPrepare, statements)
            const branch = await beginBatch.call(participant, begin, statements)
            return new WatchedBatchBranch<Client, Result>(
              watch,
              begun,
              begin.id,
              branch as Branch<Client>,
            )
          },
        }),
    ...(runBatch === undefined
      ? {}
      : {
          runBatch: (client: Client, statements: readonly BatchStatement[]) => {
            const transaction = transactions.get(client as object)
            if (transaction !== undefined) watch.runs(transaction, statements)
            return runBatch.call(participant, client, statements)
          },
        }),
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

class WatchedBranch<Client> implements Branch<Client> {
  readonly #watch: BranchJudge
  readonly #begun: WatchedBegun
  readonly #id: BranchId
  readonly #branch: Branch<Client>
  readonly savepoint?: () => Promise<Savepoint>
  readonly commitWithDecision?: (row: DecisionRow) => Promise<OnePhaseResult>

  constructor(watch: BranchJudge, begun: WatchedBegun, id: BranchId, branch: Branch<Client>) {
    this.#watch = watch
    this.#begun = begun
    this.#id = id
    this.#branch = branch
    if (branch.savepoint !== undefined) this.savepoint = branch.savepoint.bind(branch)
    if (branch.commitWithDecision === undefined) return
    const carry = branch.commitWithDecision.bind(branch)
    this.commitWithDecision = async (row) => {
      watch.carries(begun, id, row)
      const answer = await carry(row)
      watch.carried(begun, answer)
      return answer
    }
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

  async commitOnePhase(): Promise<OnePhaseResult> {
    this.#watch.commitsOnePhase(this.#begun, this.#id)
    const answer = await this.#branch.commitOnePhase()
    this.#watch.committedOnePhase(this.#begun, answer)
    return answer
  }

  commit(): Promise<Acknowledgement> {
    return this.#watch.told(this.#id, 'commit', this.#branch)
  }

  async rollback(): Promise<Acknowledgement> {
    const answer = await this.#watch.told(this.#id, 'rollback', this.#branch)
    this.#watch.rolledBack(this.#begun, answer)
    return answer
  }
}

class WatchedBatchBranch<Client, Result>
  extends WatchedBranch<Client>
  implements BatchBranch<Result>
{
  readonly #batch: BatchBranch<Result>

  constructor(watch: BranchJudge, begun: WatchedBegun, id: BranchId, branch: Branch<Client>) {
    super(watch, begun, id, branch)
    this.#batch = branch as unknown as BatchBranch<Result>
  }

  get results(): readonly Result[] {
    return this.#batch.results
  }

  get failed(): FailedStatement | undefined {
    return this.#batch.failed
  }
}
