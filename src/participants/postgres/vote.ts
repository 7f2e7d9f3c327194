/**
 * The vote of a branch, and its commit without a vote, on the session that did its work.
 *
 * Keeps A5: a yes is the tag PREPARE TRANSACTION behind what only an open transaction lets pass (a
 * savepoint, or a session that surely waits inside one), with the transaction's xid. A no is proved as
 * well: the server answered an error and then took a ROLLBACK, so it lives and the transaction is gone.
 * All else is unknown (A6).
 */

import type { BranchId } from '../../core/ids.ts'
import type { Timers } from '../../core/ports.ts'
import type { OnePhaseResult, Vote } from '../contract.ts'
import { within } from '../sql/deadline.ts'
import { fieldOf, type PgResult } from './driver.ts'
import { isForgotten, isNotifyRefusal, readable, sqlStateOf } from './failures.ts'
import { explainNotify } from './notify-triggers.ts'
import { withoutName } from './own-query.ts'
import { forgetNames } from './pipeline.ts'
import type { Session } from './session.ts'
import {
  commitBranch,
  type DurabilityRaise,
  didAnything,
  lockOnTheDoor,
  ownXid,
  prepareBranch,
  prepareTransaction,
} from './sql.ts'
import type { PostgresWork } from './work.ts'

export interface Voting {
  readonly id: BranchId
  readonly session: Session
  readonly work: PostgresWork
  readonly timers: Timers
  /** The bound on PREPARE and COMMIT, which work for their answer. */
  readonly limitMs: number
  /** The bound on answers that cost the server nothing. */
  readonly answerTimeoutMs: number
  /** At SERIALIZABLE a commit can fail even where nothing was written. */
  readonly isSerializable: boolean
  readonly raise: DurabilityRaise
  /** The transaction's, where it was told with its BEGIN. */
  readonly xid: string | undefined
}

/**
 * `no` and `unknown` leave the session to the caller: after a no it is idle, after an unknown it has
 * to be destroyed.
 */
export function vote(voting: Voting): Promise<Vote> {
  const { work, session } = voting
  if (work.obstacle !== undefined) return voteNo(voting, work.obstacle.cause)
  if (session.lost !== undefined) {
    return Promise.resolve({ vote: 'no', cause: session.lost.cause })
  }
  return work.mayHaveWritten ? prepare(voting) : prepareUnlessItOnlyRead(voting)
}

async function prepareUnlessItOnlyRead(voting: Voting): Promise<Vote> {
  const { work, session } = voting
  try {
    if (!(await hasDoneAnything(voting))) {
      return voting.isSerializable && work.isUsed
        ? await voteByCommit(voting)
        : { vote: 'read-only', ended: false }
    }
  } catch (error) {
    // PREPARE was not sent: whatever became of the question, the branch is not prepared.
    if (sqlStateOf(error) === undefined) session.destroy(error)
    return await voteNo(voting, error)
  }
  return await prepare(voting)
}

async function hasDoneAnything(voting: Voting): Promise<boolean> {
  const { work, session, timers, answerTimeoutMs } = voting
  if (!work.isUsed) return false
  const asked = session.send(didAnything)
  const found = await within(timers, answerTimeoutMs, 'the question whether it wrote', asked)
  return fieldOf(found, 'did') !== 'false'
}

async function prepare(voting: Voting): Promise<Vote> {
  const { timers, limitMs } = voting
  let results: readonly PgResult[]
  try {
    const preparing = sendPrepare(voting)
    results = await within(timers, limitMs, 'PREPARE TRANSACTION', preparing)
  } catch (error) {
    // Next time it is sent without a name.
    if (isForgotten(error)) forgetNames(voting.session.client)
    // An error of the server, and a server that then takes a ROLLBACK: so it was not its farewell.
    const isAnswered = sqlStateOf(error) !== undefined && (await isRolledBack(voting))
    if (!isAnswered) return { vote: 'unknown', cause: error }
    return { vote: 'no', cause: await readableRefusal(voting, error) }
  }
  const evidence = fieldOf(results, 'value') ?? voting.xid
  if (results.at(-1)?.command === 'PREPARE') return { vote: 'yes', evidence }
  return await voteNo(voting, new Error(`PREPARE TRANSACTION was answered ${tagsOf(results)}`))
}

/** PREPARE, with the `xid`; rejects unless a transaction was open, as `prepareBranch` tells. */
function sendPrepare(voting: Voting): Promise<readonly PgResult[]> {
  const { id, session, work, raise } = voting
  // The branch's one transaction is open yet, so it has the `xid` that it began with.
  const isAllThatIsLeft = voting.xid !== undefined && raise === 'none' && session.isSurelyOpen
  if (isAllThatIsLeft) return session.command(prepareTransaction(id))
  const xid = ownXid(raise)
  // What changed the session may have made it forget what it kept.
  const known = work.sessionChange === undefined ? xid : withoutName(xid)
  const ending = [known, { own: prepareTransaction(id) }]
  const statements = session.isSurelyOpen ? ending : [lockOnTheDoor, ...ending]
  return session.together(statements) ?? session.send(prepareBranch(id, raise))
}

/** A transaction that wrote nothing may still fail to commit at SERIALIZABLE: that is its vote. */
async function voteByCommit(voting: Voting): Promise<Vote> {
  const ended = await commitWithoutVote(voting)
  return ended.result === 'committed'
    ? { vote: 'read-only', ended: true }
    : { vote: 'no', cause: ended.cause }
}

/** Commits; the answer is proved by tags, and an abort by a session that goes on living. */
export async function commitWithoutVote(voting: Voting): Promise<OnePhaseResult> {
  const { work, session, timers, limitMs } = voting
  const hindrance = work.obstacle ?? session.lost
  if (hindrance !== undefined) {
    await isRolledBack(voting)
    return { result: 'aborted', cause: hindrance.cause }
  }
  let results: readonly PgResult[]
  try {
    results = await within(timers, limitMs, 'COMMIT', sendCommit(voting))
  } catch (error) {
    const isAnswered = sqlStateOf(error) !== undefined && (await isRolledBack(voting))
    return { result: isAnswered ? 'aborted' : 'unknown', cause: error }
  }
  if (results.at(-1)?.command === 'COMMIT') return { result: 'committed' }
  return { result: 'aborted', cause: new Error(`COMMIT was answered ${tagsOf(results)}`) }
}

function sendCommit({ session, raise }: Voting): Promise<readonly PgResult[]> {
  const isBare = raise === 'none' && session.isSurelyOpen
  return isBare ? session.command('commit') : session.send(commitBranch(raise))
}

export async function voteNo(voting: Voting, cause: unknown): Promise<Vote> {
  await isRolledBack(voting)
  return { vote: 'no', cause }
}

/** Sends ROLLBACK; whether the session answered it, and so lives and holds no transaction. */
export async function isRolledBack({ session, timers, answerTimeoutMs }: Voting): Promise<boolean> {
  if (session.lost !== undefined) return false
  try {
    const results = await within(timers, answerTimeoutMs, 'ROLLBACK', session.send('rollback'))
    return results.at(-1)?.command === 'ROLLBACK'
  } catch (error) {
    session.destroy(error)
    return false
  }
}

export async function readableRefusal(voting: Voting, error: unknown): Promise<unknown> {
  return isNotifyRefusal(error) ? await explainNotify(voting, error) : readable(error)
}

function tagsOf(results: readonly PgResult[]): string {
  return results.map((result) => result.command ?? 'nothing').join(', ')
}
