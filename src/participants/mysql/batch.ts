/**
 * A branch whose whole work is known when it begins: XA START, the statements and XA PREPARE are
 * written at once, where that can be done; else the statements one by one as soon as it has begun.
 *
 * Keeps A5: a yes is the server's OK to XA PREPARE behind its OK to XA START and an answer without
 * error to every statement. The server does not stop at a statement that fails, and prepares the
 * rest: that is rolled back, and only then a no. An answer that is lost, or that the driver could not
 * read, leaves it unknown (A6). A commit is never sent so: it would keep a part.
 */
import type { BatchStatement, FailedStatement, OnePhaseResult, Vote } from '../contract.ts'
import type { BatchBranchActs } from '../sql/batch-branch.ts'
import { within } from '../sql/deadline.ts'
import { type Rules, refuseInBatch } from '../sql/plans.ts'
import { type ActsParts, MysqlActs } from './acts.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { MysqlCallback, MysqlHeader, MysqlRow } from './driver.ts'
import { numberOf } from './failures.ts'
import type { Outcome } from './own-command.ts'
import { planFor } from './plans.ts'
import { prepareBranch } from './sql.ts'
import { isSeveral } from './statements.ts'
import { judge, rolledBack } from './vote.ts'
import { MysqlWork } from './work.ts'

/** What a statement answered, as mysql2 gives it: rows, or the server's OK. */
export type MysqlResult = readonly MysqlRow[] | MysqlHeader

type Send = (text: string, values: readonly unknown[], tell: MysqlCallback) => void

/** Throws `ASSENT_STATEMENT_REFUSED` for what can't be in a batch. */
export function checkBatch(statements: readonly BatchStatement[], rules: Rules): void {
  const work = new MysqlWork()
  for (const { text } of statements) {
    refuseInBatch(
      text,
      planFor(text, rules, work, () => ''),
      isSeveral(text),
    )
  }
}

/** Sends them one by one; rejects with the first error, and sends no more. */
export async function runInOrder(
  statements: readonly BatchStatement[],
  send: Send,
  results: MysqlResult[] = [],
): Promise<readonly MysqlResult[]> {
  for (const { text, values } of statements) {
    const answered = new Promise<MysqlResult>((resolve, reject) => {
      send(text, values, (error, result) => {
        if (error) reject(error)
        else resolve(result as MysqlResult)
      })
    })
    results.push(await answered)
  }
  return results
}

export interface BatchParts extends ActsParts {
  readonly dispatcher: Dispatcher
  readonly statements: readonly BatchStatement[]
  readonly readOnly: boolean
}

export class BatchActs extends MysqlActs implements BatchBranchActs<MysqlResult> {
  readonly results: MysqlResult[] = []
  failed: FailedStatement | undefined
  readonly #batch: BatchParts
  readonly #isAtOnce: boolean

  constructor(parts: BatchParts) {
    super(parts)
    this.#batch = parts
    const { opening, statements, readOnly } = parts
    this.#isAtOnce = !readOnly && statements.every(({ text }) => opening.canRide(text))
  }

  /** Runs the statements, unless they go with the vote. Never rejects: a failure dooms the branch. */
  async begin(): Promise<void> {
    if (this.#isAtOnce) return
    const { dispatcher, statements } = this.#batch
    const send: Send = (text, values, tell) => {
      dispatcher.send('query', text, values, tell)
    }
    try {
      await runInOrder(statements, send, this.results)
    } catch (cause) {
      this.failed = { statement: this.results.length, cause }
    }
  }

  override async vote(limitMs: number): Promise<Vote> {
    if (!this.#isAtOnce) return await super.vote(limitMs)
    const { session, opening, xid = '' } = this.#batch
    const ran = await this.#run(limitMs, prepareBranch(session.sending, xid, {}))
    const voting = this.voting(limitMs)
    if (ran.outcomes !== undefined) return await judge(voting, Promise.resolve(ran.outcomes))
    const { cause } = ran
    if (opening.isIdle) return { vote: 'no', cause }
    // What was prepared without the statement that failed must be gone.
    const isNo = ran.isAnswered && (await rolledBack(voting)) !== undefined
    return { vote: isNo ? 'no' : 'unknown', cause }
  }

  override async commitWithoutVote(limitMs: number): Promise<OnePhaseResult> {
    if (!this.#isAtOnce) return await super.commitWithoutVote(limitMs)
    const ran = await this.#run(limitMs, [])
    if (ran.outcomes !== undefined) return await super.commitWithoutVote(limitMs)
    if (ran.isAnswered) await rolledBack(this.voting(limitMs))
    // Nothing was sent that could commit it, and nothing will be.
    return { result: 'aborted', cause: ran.cause }
  }

  /** Sends the statements with XA START, and texts of ours behind them; answers the latter. */
  async #run(limitMs: number, texts: readonly string[]): Promise<Ran> {
    const { session, opening, dispatcher, statements, timers, work } = this.#batch
    if (session.lost !== undefined) return { cause: session.lost.cause, isAnswered: false }
    try {
      const ready = statements.map((statement, index) => {
        try {
          return dispatcher.ready(statement)
        } catch (cause) {
          this.failed = { statement: index, cause }
          throw cause
        }
      })
      const sending = opening.sendAll(
        ready.flatMap(({ commands }) => commands),
        texts,
      )
      const all = Promise.all([sending, Promise.allSettled(ready.map(({ answered }) => answered))])
      const [outcomes, answers] = await within(timers, limitMs, 'the batch', all)
      const failure = this.#read(answers)
      if (failure !== undefined) return failure
      const { obstacle } = work
      return obstacle === undefined ? { outcomes } : { cause: obstacle.cause, isAnswered: true }
    } catch (cause) {
      return { cause, isAnswered: false }
    }
  }

  /** Keeps the results up to the first failure, and answers that. */
  #read(answers: readonly PromiseSettledResult<unknown>[]): Ran | undefined {
    for (const answer of answers) {
      if (answer.status === 'fulfilled') {
        this.results.push(answer.value as MysqlResult)
        continue
      }
      const cause: unknown = answer.reason
      this.failed = { statement: this.results.length, cause }
      // What the driver could not read may have left some of its answer for others.
      return { cause, isAnswered: numberOf(cause) !== undefined }
    }
    return undefined
  }
}

/** What texts of ours were answered behind statements that all succeeded; or the failure. */
type Ran =
  | { readonly outcomes: readonly Outcome[] }
  | { readonly outcomes?: undefined; readonly cause: unknown; readonly isAnswered: boolean }
