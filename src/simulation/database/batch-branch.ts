/**
 * A branch whose whole work is known when it begins, at a simulated database: all of it and its vote,
 * or its commit, are one message.
 *
 * Keeps A5 and A6 as `participants/postgres/batch.ts` does: a yes is the answer to PREPARE behind those
 * to all statements; a failure is a no once the session has taken a ROLLBACK; a lost answer is unknown,
 * and the session is ended before the absence of the branch is believed, for a statement may wait
 * there for a lock, with PREPARE behind it.
 */
import type {
  Acknowledgement,
  BatchBranch,
  BatchStatement,
  FailedStatement,
  Vote,
} from '../../participants/contract.ts'
import { type BranchOptions, DatabaseBranch } from './branch.ts'
import type { Act } from './finish.ts'
import type { Ending, Reply } from './messages.ts'
import { StatementFailed } from './statement-failed.ts'
import { requestOf, runInOrder } from './statements.ts'

export interface BatchOptions extends BranchOptions {
  readonly statements: readonly BatchStatement[]
  readonly lockTimeoutMs: number
  readonly readOnly: boolean
}

export class DatabaseBatchBranch extends DatabaseBranch implements BatchBranch<number> {
  readonly results: number[] = []
  failed: FailedStatement | undefined
  readonly #batch: BatchOptions
  #hasRun = false

  constructor(options: BatchOptions) {
    super(options)
    this.#batch = options
  }

  /** Runs the statements now, for databases that take one after another. A failure dooms it. */
  async runNow(): Promise<void> {
    this.#hasRun = true
    try {
      await runInOrder(this.client, this.#batch.statements, this.results)
    } catch (cause) {
      this.failed = { statement: this.results.length, cause }
    }
  }

  override async prepare(): Promise<Vote> {
    if (!this.#batch.readOnly) return await super.prepare()
    // It has nothing to prepare: its commit is its vote.
    const ended = await this.commitOnePhase()
    if (ended.result === 'committed') return { vote: 'read-only', ended: true }
    return { vote: ended.result === 'aborted' ? 'no' : 'unknown', cause: ended.cause }
  }

  protected override async askToEnd(ending: Ending): Promise<Reply> {
    if (this.#hasRun) return await super.askToEnd(ending)
    const { id, connection, statements, lockTimeoutMs } = this.#batch
    const reply = await connection.request({
      type: 'batch',
      id,
      lockTimeoutMs,
      statements: statements.map(requestOf),
      ending: ending.type === 'prepare' ? { type: 'prepare', evenIfEmpty: true } : ending,
    })
    const replies = reply.type === 'batch' ? reply.replies : [reply]
    const refused = replies.findIndex(({ type }) => type === 'refused')
    if (refused >= 0) return await this.#refused(refused, replies)
    for (const each of replies) if (each.type === 'balance') this.results.push(each.amount)
    return replies.at(-1) as Reply
  }

  protected override finishElsewhere(
    act: Act,
    evidence: string | undefined,
  ): Promise<Acknowledgement> {
    if (evidence !== undefined) return super.finishElsewhere(act, evidence)
    const { id, finish, connection } = this.#batch
    return finish(id, act, evidence, connection.pid)
  }

  async #refused(statement: number, replies: readonly Reply[]): Promise<Reply> {
    const reply = replies[statement] as Reply
    if (statement < this.#batch.statements.length && reply.type === 'refused') {
      this.failed = { statement, cause: new StatementFailed(reply.code) }
    }
    // It lives, and holds nothing of the branch.
    await this.#batch.connection.request({ type: 'rollback' })
    return reply
  }
}
