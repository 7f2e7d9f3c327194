/**
 * A branch whose whole work is known when it begins: BEGIN, the statements and PREPARE TRANSACTION
 * travel in one message.
 *
 * Keeps A5: a yes is the tag of PREPARE behind the tags of BEGIN and of every statement, none of
 * which ended the transaction. Under one Sync nothing is run behind a failure (PG-12), so a
 * statement that failed is a no once the server takes a ROLLBACK; a lost answer is unknown (A6).
 */
import type { DecisionRow } from '../../core/decision-table.ts'
import type { BatchStatement, FailedStatement, OnePhaseResult, Vote } from '../contract.ts'
import { within } from '../sql/deadline.ts'
import { type Rules, refused, refuseInBatch } from '../sql/plans.ts'
import { type ActsParts, PostgresActs } from './acts.ts'
import { carried, carryFailed } from './decisions/carry.ts'
import { commit } from './decisions/statements.ts'
import type { PgResult } from './driver.ts'
import { sqlStateOf } from './failures.ts'
import { keptOrPlain, noteFailure } from './kept-statements.ts'
import type { PipelineAnswer, PipelineStatement } from './pipeline.ts'
import { planFor } from './plans.ts'
import { ownXid, prepareTransaction, raiseForCommit } from './sql.ts'
import { readText } from './statements.ts'
import { isRolledBack, readableRefusal, voteNo } from './vote.ts'
import type { PostgresWork } from './work.ts'

/** Tags of what begins or ends a transaction: none of ours may stand among a batch's own. */
const endingTags: ReadonlySet<string> = new Set(['BEGIN', 'START', 'COMMIT', 'ROLLBACK', 'PREPARE'])

export interface BatchParts extends ActsParts {
  readonly statements: readonly BatchStatement[]
  readonly readOnly: boolean
}

/** What takes the connection for its data, and messages behind it for a breach of the protocol. */
const copy = /^\s*copy\b[\s\S]*\bstd(?:in|out)\b/i

/** Throws `ASSENT_STATEMENT_REFUSED` for what can't be in a batch. */
export function checkBatch(
  statements: readonly BatchStatement[],
  rules: Rules,
  work: PostgresWork,
): void {
  for (const { text } of statements) {
    if (copy.test(text)) throw refused(text, 'COPY is sent by a stream of its own, in a callback')
    refuseInBatch(
      text,
      planFor(text, rules, work, () => ''),
      readText(text).isSeveral,
    )
    work.succeeded(work.sent(text), true)
  }
}

export class BatchActs extends PostgresActs {
  readonly #batch: BatchParts
  results: readonly PgResult[] = []
  failed: FailedStatement | undefined

  constructor(parts: BatchParts) {
    super(parts)
    this.#batch = parts
  }

  override async vote(limitMs: number): Promise<Vote> {
    const { id, readOnly, opening } = this.#batch
    if (readOnly) {
      // It has nothing to prepare: its commit can go with it, and is its vote.
      const ended = await this.commitWithoutVote(limitMs)
      if (ended.result === 'committed') return { vote: 'read-only', ended: true }
      return { vote: ended.result === 'aborted' ? 'no' : 'unknown', cause: ended.cause }
    }
    if (!opening.canRide) return await this.#voteOneByOne(limitMs)
    const raise = this.raise()
    const prepare = { own: prepareTransaction(id) }
    const ending = raise === 'none' ? [prepare] : [ownXid(raise), prepare]
    const ran = await this.#run([...this.#queries, ...ending], limitMs, true)
    if ('cause' in ran) {
      if (!ran.isAnswered) return { vote: 'unknown', cause: ran.cause }
      return { vote: 'no', cause: await readableRefusal(this.voting(limitMs), ran.cause) }
    }
    if (ran.results.at(-1)?.command !== 'PREPARE') {
      return await voteNo(this.voting(limitMs), unexpected('PREPARE TRANSACTION', ran.results))
    }
    if (this.#keep(ran.results, ending.length)) return { vote: 'yes', evidence: opening.xid }
    // Something is prepared, and it is not all that was sent.
    return { vote: 'unknown', cause: unexpected('PREPARE TRANSACTION', ran.results) }
  }

  override async commitWithoutVote(limitMs: number): Promise<OnePhaseResult> {
    if (!this.#batch.opening.canRide) {
      const cause = await this.#runOneByOne()
      if (cause === undefined) return await super.commitWithoutVote(limitMs)
      await isRolledBack(this.voting(limitMs))
      return { result: 'aborted', cause }
    }
    const ending = this.raise() === 'none' ? [commit] : [raiseForCommit, commit]
    const ran = await this.#run([...this.#queries, ...ending], limitMs)
    if ('cause' in ran) {
      const { isAnswered, cause } = ran
      return { result: isAnswered ? 'aborted' : 'unknown', cause }
    }
    const isCommitted = ran.results.at(-1)?.command === 'COMMIT'
    if (isCommitted && this.#keep(ran.results, ending.length)) return { result: 'committed' }
    const cause = unexpected('COMMIT', ran.results)
    return { result: isCommitted ? 'unknown' : 'aborted', cause }
  }

  override async commitWithDecision(row: DecisionRow, limitMs: number): Promise<OnePhaseResult> {
    const { opening, decisions } = this.#batch
    if (!opening.canRide) {
      const cause = await this.#runOneByOne()
      if (cause === undefined) return await super.commitWithDecision(row, limitMs)
      await isRolledBack(this.voting(limitMs))
      return { result: 'aborted', cause }
    }
    const ending = [decisions.carry(row), commit]
    const ran = await this.#run([...this.#queries, ...ending], limitMs)
    if ('cause' in ran) {
      const { isAnswered, cause } = ran
      return this.unlessUnknown(carryFailed(this.voting(limitMs), cause, isAnswered))
    }
    const ended = carried(ran.results)
    if (ended.result !== 'committed' || this.#keep(ran.results, 2)) return this.unlessUnknown(ended)
    // Something has committed, and it is not all that was sent.
    return { result: 'unknown', cause: unexpected('COMMIT with the decision', ran.results) }
  }

  get #queries(): PipelineStatement[] {
    const { statements, session } = this.#batch
    return statements.map(({ text, values }) => ({
      query: keptOrPlain(session.client, text, values),
      values,
    }))
  }

  /** Keeps the results of the batch's own statements; whether none of them ended the transaction. */
  #keep(results: readonly PgResult[], ours: number): boolean {
    this.results = results.slice(0, -ours)
    return (
      this.results.length === this.#batch.statements.length &&
      this.results.every(({ command }) => !endingTags.has(command ?? ''))
    )
  }

  /** The answer; or a failure, and whether the server lives and holds nothing of the branch. */
  async #run(
    sent: readonly PipelineStatement[],
    limitMs: number,
    takesXid = false,
  ): Promise<PipelineAnswer | { readonly cause: unknown; readonly isAnswered: boolean }> {
    const { opening, timers, statements, session } = this.#batch
    let cause: unknown
    let isServers = true
    let isUnsent = false
    try {
      const answer = await within(timers, limitMs, 'the batch', opening.sendAll(sent, takesXid))
      if (answer.failure === undefined) return answer
      cause = answer.failure.cause
      isServers = answer.failure.isAnswer
      isUnsent = answer.failure.isUnsent
      const statement = answer.results.length
      const failed = sent[statement]
      if (failed !== undefined && 'query' in failed)
        noteFailure(session.client, failed.query, cause)
      if (statement < statements.length) this.failed = { statement, cause }
    } catch (error) {
      cause = error
    }
    // An error of the server, and a server that then takes a ROLLBACK: so it was not its farewell.
    // Where an answer could not be read here, the server has gone on to the end of the message; where
    // a statement could not be sent, nothing behind it was.
    const mayBeNo = isUnsent || (isServers && sqlStateOf(cause) !== undefined)
    const isAnswered = mayBeNo && (await isRolledBack(this.voting(limitMs)))
    return { cause, isAnswered }
  }

  /** For drivers that can't put several statements into one message. */
  async #voteOneByOne(limitMs: number): Promise<Vote> {
    const cause = await this.#runOneByOne()
    return cause === undefined
      ? await super.vote(limitMs)
      : await voteNo(this.voting(limitMs), cause)
  }

  async #runOneByOne(): Promise<unknown> {
    const { opening, session, statements } = this.#batch
    const results: PgResult[] = []
    try {
      await opening.begin()
      for (const { text, values } of statements) results.push(...(await session.ask(text, values)))
    } catch (cause) {
      if (opening.isBegun) this.failed = { statement: results.length, cause }
      return cause
    }
    this.results = results
    return undefined
  }
}

function unexpected(what: string, results: readonly PgResult[]): Error {
  const tags = results.map(({ command }) => command ?? 'nothing').join(', ')
  return new Error(`${what} at the end of a batch: the answers were ${tags}`)
}
