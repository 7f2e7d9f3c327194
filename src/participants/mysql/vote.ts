/**
 * The vote of a branch, and its commit without a vote, on the session that did its work.
 *
 * Keeps A5: a yes is the server's OK to XA PREPARE. A no is proved as well: the server answered an
 * error and then rolled the branch back. All else is unknown (A6).
 */
import type { Timers } from '../../core/ports.ts'
import type { OnePhaseResult, Vote } from '../contract.ts'
import { within } from '../sql/deadline.ts'
import type { Reply } from './asking.ts'
import type { ServerSession } from './beginning.ts'
import {
  endedWithin,
  hasWrittenForGood,
  mayHaveEndedUnseen,
  type RolledBack,
  rollBack,
  untransactional,
} from './ending.ts'
import { formatEvidence } from './evidence.ts'
import { isRolledBack, numberOf } from './failures.ts'
import type { Outcome } from './own-command.ts'
import { lastOf, type Session } from './session.ts'
import { commitOnePhase, prepareBranch, type SessionValues } from './sql.ts'
import type { MysqlWork } from './work.ts'

export interface Voting {
  /** Undefined for a transaction that can't prepare. */
  readonly xid: string | undefined
  readonly session: Session
  readonly serverSession: ServerSession
  /** What the session had before the branch's settings. */
  readonly own: SessionValues
  readonly work: MysqlWork
  readonly isHeldToReading: boolean
  /** How far the server's log had come at least. */
  readonly position: number | undefined
  readonly timers: Timers
  /** The bound on XA PREPARE and COMMIT, which work for their answer. */
  readonly limitMs: number
  /** The bound on answers that cost the server nothing. */
  readonly answerTimeoutMs: number
}

/**
 * Read-only is voted where it is proved: nothing was sent, or the server held the transaction to
 * reading. A SELECT may call a function that writes, and nothing in its answer tells.
 */
export async function vote(voting: Voting): Promise<Vote> {
  const { work, session, isHeldToReading } = voting
  if (work.obstacle !== undefined) return await voteNo(voting, work.obstacle.cause)
  if (session.lost !== undefined) return { vote: 'no', cause: session.lost.cause }
  if (!work.isUsed || isHeldToReading) return { vote: 'read-only', ended: false }
  return await prepare(voting)
}

async function prepare(voting: Voting): Promise<Vote> {
  const { xid = '', session, own } = voting
  const texts = prepareBranch(session.sending, xid, own)
  if (session.sending === 'at-once') return await judge(voting, session.commands(texts))
  return await judge(voting, session.sendAll(texts))
}

/** What the answers to `prepareBranch` say. */
export async function judge(
  voting: Voting,
  preparing: Promise<readonly Outcome[] | Reply>,
): Promise<Vote> {
  const { session, timers, limitMs, answerTimeoutMs } = voting
  let reply: Reply
  let isUntransactional = false
  try {
    const answer = await within(timers, limitMs, 'XA PREPARE', preparing)
    reply = isReply(answer) ? answer : lastOf(answer)
    // The warning of a compound statement can still be asked for; here it is of one before the last.
    isUntransactional = !isReply(answer) && answer.slice(0, -1).some(isWarned)
  } catch (error) {
    const isAnswered = numberOf(error) !== undefined && (await rolledBack(voting)) !== undefined
    return { vote: isAnswered ? 'no' : 'unknown', cause: error }
  }
  if (reply.header === undefined) return await voteNo(voting, new Error('XA PREPARE was not done'))
  if (!isUntransactional && isWarned(reply)) {
    try {
      const asked = hasWrittenForGood(session)
      isUntransactional = await within(timers, answerTimeoutMs, 'SHOW WARNINGS', asked)
    } catch (cause) {
      return { vote: 'unknown', cause }
    }
  }
  if (isUntransactional) {
    const cause = new Error(untransactional)
    // It is prepared by now: only a proved rollback is a no.
    return { vote: (await rolledBack(voting)) === undefined ? 'unknown' : 'no', cause }
  }
  const { work, serverSession, position } = voting
  const evidence = { hasWritten: work.hasWritten, session: serverSession, position }
  return { vote: 'yes', evidence: formatEvidence(evidence) }
}

function isReply(answer: readonly Outcome[] | Reply): answer is Reply {
  return 'rows' in answer
}

function isWarned(answer: Outcome | Reply): boolean {
  return (answer.header?.warningStatus ?? 0) > 0
}

/** Commits; an abort is proved by the server's rollback. */
export async function commitWithoutVote(voting: Voting): Promise<OnePhaseResult> {
  const { xid, work, session, timers, limitMs } = voting
  const hindrance = work.obstacle ?? session.lost
  if (hindrance !== undefined) {
    const ended = await rolledBack(voting)
    // A session that is gone took with it what was open, and the means to tell what was not.
    const isUnknown =
      ended === undefined ? mayHaveEndedUnseen(xid, work) : ended.state === 'ended-before'
    return { result: isUnknown ? 'unknown' : 'aborted', cause: hindrance.cause }
  }
  try {
    const committing = session.sendAll(commitOnePhase(session.sending, xid))
    const { header } = await within(timers, limitMs, 'COMMIT', committing)
    if (header !== undefined) return { result: 'committed' }
    return { result: 'unknown', cause: new Error('COMMIT was answered with rows') }
  } catch (error) {
    if (isRolledBack(error)) return { result: 'aborted', cause: error }
    if (numberOf(error) === undefined) return { result: 'unknown', cause: error }
    const ended = await rolledBack(voting)
    if (ended?.state === 'ended-before') {
      return { result: 'unknown', cause: new Error(endedWithin(work), { cause: error }) }
    }
    return { result: ended?.state === 'rolled-back' ? 'aborted' : 'unknown', cause: error }
  }
}

export async function voteNo(voting: Voting, cause: unknown): Promise<Vote> {
  await rolledBack(voting)
  return { vote: 'no', cause }
}

/** Rolls back; undefined where the session did not answer, and is closed. */
export async function rolledBack(voting: Voting): Promise<RolledBack | undefined> {
  const { session, timers, answerTimeoutMs } = voting
  if (session.lost !== undefined) return undefined
  try {
    return await within(timers, answerTimeoutMs, 'XA ROLLBACK', rollBack(voting))
  } catch (error) {
    session.destroy(error)
    return undefined
  }
}
