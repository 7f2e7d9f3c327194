/**
 * A branch whose whole work is known when it begins.
 *
 * The protocol answers one statement before it takes the next, so they are sent one by one as soon
 * as the branch has begun. One that fails is no failure of the beginning: the branch votes no (A5).
 */
import type { BatchStatement, FailedStatement } from '../contract.ts'
import type { BatchBranchActs } from '../sql/batch-branch.ts'
import { type Rules, refuseInBatch } from '../sql/plans.ts'
import { MysqlActs } from './acts.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { MysqlCallback, MysqlHeader, MysqlRow } from './driver.ts'
import { planFor } from './plans.ts'
import { isSeveral } from './statements.ts'
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

export class BatchActs extends MysqlActs implements BatchBranchActs<MysqlResult> {
  readonly results: MysqlResult[] = []
  failed: FailedStatement | undefined

  /** Never rejects: a failure dooms the branch. */
  async run(dispatcher: Dispatcher, statements: readonly BatchStatement[]): Promise<void> {
    const send: Send = (text, values, tell) => {
      dispatcher.send('query', text, values, tell)
    }
    try {
      await runInOrder(statements, send, this.results)
    } catch (cause) {
      this.failed = { statement: this.results.length, cause }
    }
  }
}
