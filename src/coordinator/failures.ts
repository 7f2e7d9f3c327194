/**
 * The errors that the engine tells its callers: what happened to the data, and what to do (A6: an
 * unknown outcome is never told as a failure).
 */
import { AssentError, messageOf } from '../core/errors.ts'
import type { TransactionId } from '../core/ids.ts'
import type { LiveTransaction } from './live-transaction.ts'

/** The error of a transaction that its votes rolled back. */
export function abortedByVote(transaction: LiveTransaction): AssentError<'ASSENT_ABORTED_BY_VOTE'> {
  const votes = transaction.votes
  const against = votes.filter(({ vote }) => vote === 'no' || vote === 'unknown')
  const named = against.map(({ resource, vote, cause }) => `${resource}: ${vote}${reason(cause)}`)
  return new AssentError(
    'ASSENT_ABORTED_BY_VOTE',
    `the transaction was rolled back by the vote of ${named.join(', ')}`,
    { id: transaction.id, votes },
    { cause: against[0]?.cause },
  )
}

function reason(cause: unknown): string {
  return cause === undefined ? '' : ` (${messageOf(cause)})`
}

/** The error of a transaction whose time was over before its decision. */
export function timedOut(
  { id, timeoutMs, state: { phase } }: LiveTransaction,
  cause?: unknown,
): AssentError<'ASSENT_TIMED_OUT'> {
  return new AssentError(
    'ASSENT_TIMED_OUT',
    `the transaction was not decided within its ${timeoutMs} ms (${phase})`,
    { id, timeoutMs, phase },
    cause === undefined ? {} : { cause },
  )
}

/** The error of work that was begun and not awaited. */
export function notAwaited(transaction: LiveTransaction, pending: readonly string[]): AssentError {
  return new AssentError(
    'ASSENT_WORK_NOT_AWAITED',
    `the work returned before all it had begun was done: ${pending.join('; ')}`,
    { id: transaction.id, pending },
  )
}

/** The error of a coordinator whose log takes no more (A11). */
export function logFailed(cause: Error): AssentError {
  return new AssentError('ASSENT_LOG_FAILED', cause.message, {}, { cause })
}

/** The error of work that comes after the end. */
export function overError(transaction: LiveTransaction): AssentError {
  const { id, cause } = transaction
  if (cause instanceof AssentError) return cause
  const message = `transaction ${id} is committing or has ended`
  return new AssentError('ASSENT_TRANSACTION_OVER', message, { id })
}

/** The error of a branch that could not be begun. */
export function beginFailed(resource: string, cause: unknown): AssentError {
  if (cause instanceof AssentError) return cause
  return new AssentError(
    'ASSENT_RESOURCE_UNAVAILABLE',
    `no branch could be begun at ${resource}: ${messageOf(cause)}`,
    { resource },
    { cause },
  )
}

/** The error of a transaction whose inner failure was caught. */
export function doomed(id: TransactionId, cause: unknown): AssentError {
  const message = 'work inside the transaction failed, so all of it was rolled back'
  return new AssentError('ASSENT_TRANSACTION_DOOMED', message, { id }, { cause })
}
