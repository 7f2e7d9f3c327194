/**
 * The one catalogue of errors. `docs/reference/errors.md`, the command line's exit codes and the
 * HTTP statuses come from it, and a test keeps them equal. A code never changes its meaning.
 */

/** What happened to the data of the call that failed. */
export type Effect = 'none' | 'applied' | 'mixed' | 'unknown'

/** What a caller may do: run it again; ask for the outcome first; not without a change. */
export type RetryAdvice = 'safe' | 'after-outcome' | 'never'

export interface CatalogueEntry {
  readonly effect: Effect
  readonly retry: RetryAdvice
  readonly httpStatus: number
  readonly exitCode: number
  /** What it means, in one sentence. */
  readonly meaning: string
  /** What to do about it. */
  readonly cure: string
}

export type ErrorCode =
  | 'ASSENT_UNSUPPORTED_NODE'
  | 'ASSENT_INVALID_OPTION'
  | 'ASSENT_UNKNOWN_RESOURCE'
  | 'ASSENT_ABORTED_BY_VOTE'
  | 'ASSENT_TIMED_OUT'
  | 'ASSENT_CANCELLED'
  | 'ASSENT_OUTCOME_UNKNOWN'
  | 'ASSENT_HEURISTIC'
  | 'ASSENT_RESULTS_LOST'
  | 'ASSENT_TRANSACTION_OVER'
  | 'ASSENT_TRANSACTION_DOOMED'
  | 'ASSENT_WORK_NOT_AWAITED'
  | 'ASSENT_TRANSACTION_REQUIRED'
  | 'ASSENT_TRANSACTION_FORBIDDEN'
  | 'ASSENT_SAVEPOINT_UNSUPPORTED'
  | 'ASSENT_NESTED_CONFLICT'
  | 'ASSENT_STATEMENT_REFUSED'
  | 'ASSENT_SECOND_LAST_RESOURCE'
  | 'ASSENT_RESOURCE_UNAVAILABLE'
  | 'ASSENT_RESOURCE_REFUSED'
  | 'ASSENT_RESOURCE_CHANGED'
  | 'ASSENT_OVERLOADED'
  | 'ASSENT_COORDINATOR_CLOSED'
  | 'ASSENT_LOG_FAILED'
  | 'ASSENT_LOG_CORRUPT'
  | 'ASSENT_LOG_INCOMPATIBLE'
  | 'ASSENT_LOG_BUSY'
  | 'ASSENT_UNKNOWN_TRANSACTION'
  | 'ASSENT_NOT_RESOLVABLE'

export const errorCatalogue: Readonly<Record<ErrorCode, CatalogueEntry>> = {
  ASSENT_UNSUPPORTED_NODE: {
    effect: 'none',
    retry: 'never',
    httpStatus: 500,
    exitCode: 1,
    meaning: 'The Node that runs this is older than Assent can work with.',
    cure: 'Run it with the version that the message names, or a newer one.',
  },
  ASSENT_INVALID_OPTION: {
    effect: 'none',
    retry: 'never',
    httpStatus: 400,
    exitCode: 2,
    meaning: 'An argument or an option is not usable.',
    cure: 'Correct what the message names.',
  },
  ASSENT_UNKNOWN_RESOURCE: {
    effect: 'none',
    retry: 'never',
    httpStatus: 400,
    exitCode: 2,
    meaning: 'A transaction named a resource that the coordinator was not opened with.',
    cure: 'Name it under `resources` of `openCoordinator`, or correct the name.',
  },
  ASSENT_ABORTED_BY_VOTE: {
    effect: 'none',
    retry: 'safe',
    httpStatus: 409,
    exitCode: 1,
    meaning: 'At least one branch voted no or could not prove a yes; everything was rolled back.',
    cure: 'Read `fields.votes`: each names its resource and its cause. Then run it again.',
  },
  ASSENT_TIMED_OUT: {
    effect: 'none',
    retry: 'safe',
    httpStatus: 504,
    exitCode: 1,
    meaning: 'The time-out passed before the decision; everything was rolled back.',
    cure: 'Run it again; raise `timeoutMs` if the work needs longer.',
  },
  ASSENT_CANCELLED: {
    effect: 'none',
    retry: 'safe',
    httpStatus: 499,
    exitCode: 1,
    meaning: 'The abort signal fired before the decision; everything was rolled back.',
    cure: 'Nothing: the caller asked for it.',
  },
  ASSENT_OUTCOME_UNKNOWN: {
    effect: 'unknown',
    retry: 'after-outcome',
    httpStatus: 502,
    exitCode: 3,
    meaning: 'The commit was under way when its answer was lost; nobody can tell yet how it ended.',
    cure:
      'Ask `coordinator.outcome(id)` before running it again. Where one branch alone wrote, it may ' +
      'stay unknown: then look into that database.',
  },
  ASSENT_HEURISTIC: {
    effect: 'mixed',
    retry: 'never',
    httpStatus: 500,
    exitCode: 3,
    meaning: 'A resource ended its branch against, or without, the decision.',
    cure: 'See `coordinator.inDoubt()`; repair the data by hand, then `forget(id)`.',
  },
  ASSENT_RESULTS_LOST: {
    effect: 'applied',
    retry: 'never',
    httpStatus: 500,
    exitCode: 3,
    meaning:
      'The transaction has committed; the answer that brought the results of its statements was lost.',
    cure: 'Do not run it again. Read what you need from the databases.',
  },
  ASSENT_TRANSACTION_OVER: {
    effect: 'none',
    retry: 'never',
    httpStatus: 409,
    exitCode: 1,
    meaning: 'The transaction is committing or has ended; it takes no more work.',
    cure: 'Await all work inside the callback; begin a new transaction for work after it.',
  },
  ASSENT_TRANSACTION_DOOMED: {
    effect: 'none',
    retry: 'safe',
    httpStatus: 409,
    exitCode: 1,
    meaning: 'Work inside the transaction failed, so it can only roll back, even if it was caught.',
    cure: 'Let the failure through, or put the work that may fail into a nested transaction.',
  },
  ASSENT_WORK_NOT_AWAITED: {
    effect: 'none',
    retry: 'never',
    httpStatus: 500,
    exitCode: 1,
    meaning: 'The callback returned while work of its own was still running; it was rolled back.',
    cure: 'Await what `fields.pending` names before returning.',
  },
  ASSENT_TRANSACTION_REQUIRED: {
    effect: 'none',
    retry: 'never',
    httpStatus: 500,
    exitCode: 1,
    meaning: 'The call must run inside a transaction, and there is none.',
    cure: 'Call it inside `coordinator.transaction`, or choose another propagation.',
  },
  ASSENT_TRANSACTION_FORBIDDEN: {
    effect: 'none',
    retry: 'never',
    httpStatus: 500,
    exitCode: 1,
    meaning: 'The call must not run inside a transaction, and there is one.',
    cure: 'Call it outside, or through `coordinator.detached`.',
  },
  ASSENT_SAVEPOINT_UNSUPPORTED: {
    effect: 'none',
    retry: 'never',
    httpStatus: 400,
    exitCode: 1,
    meaning: 'A nested transaction includes a resource that has no savepoints.',
    cure: 'Use `requires-new`, or leave that resource out of the nested part.',
  },
  ASSENT_NESTED_CONFLICT: {
    effect: 'none',
    retry: 'never',
    httpStatus: 500,
    exitCode: 1,
    meaning: 'Two nested transactions ran at once in one transaction; savepoints are a stack.',
    cure: 'Await one nested transaction before the next, or use `requires-new`.',
  },
  ASSENT_STATEMENT_REFUSED: {
    effect: 'none',
    retry: 'never',
    httpStatus: 400,
    exitCode: 1,
    meaning: 'A statement would end or break the branch; it was not sent.',
    cure: 'Do what the message names instead.',
  },
  ASSENT_SECOND_LAST_RESOURCE: {
    effect: 'none',
    retry: 'never',
    httpStatus: 400,
    exitCode: 1,
    meaning: 'Two resources that can not prepare can not share one transaction.',
    cure: 'Let one of them prepare (PostgreSQL: `max_prepared_transactions`), or use a saga.',
  },
  ASSENT_RESOURCE_UNAVAILABLE: {
    effect: 'none',
    retry: 'safe',
    httpStatus: 503,
    exitCode: 1,
    meaning: 'A resource could not be reached, or gave no connection in time.',
    cure: 'See the cause; check that the resource is up and the pool is large enough.',
  },
  ASSENT_RESOURCE_REFUSED: {
    effect: 'none',
    retry: 'never',
    httpStatus: 500,
    exitCode: 1,
    meaning: 'A resource is set up so that it can not keep the promise of atomic commit.',
    cure: 'Change what `fields.cure` names.',
  },
  ASSENT_RESOURCE_CHANGED: {
    effect: 'none',
    retry: 'never',
    httpStatus: 500,
    exitCode: 1,
    meaning: 'A resource name now reaches another database than the log has work for.',
    cure: 'Point it back until the work is delivered, or give the new database a new name.',
  },
  ASSENT_OVERLOADED: {
    effect: 'none',
    retry: 'safe',
    httpStatus: 503,
    exitCode: 1,
    meaning: 'As many transactions are active as `maxActive` allows.',
    cure: 'Try again later; raise `maxActive` if the machine has room.',
  },
  ASSENT_COORDINATOR_CLOSED: {
    effect: 'none',
    retry: 'safe',
    httpStatus: 503,
    exitCode: 1,
    meaning: 'The coordinator is closing or closed.',
    cure: 'Send the work to a coordinator that is open.',
  },
  ASSENT_LOG_FAILED: {
    effect: 'none',
    retry: 'safe',
    httpStatus: 503,
    exitCode: 1,
    meaning: 'A forced write of the decision log failed, so this process decides nothing more.',
    cure: 'Free space or mend the disk, then restart: nothing that was decided is lost.',
  },
  ASSENT_LOG_CORRUPT: {
    effect: 'none',
    retry: 'never',
    httpStatus: 500,
    exitCode: 1,
    meaning: 'The decision log does not read as it was written; nothing was changed.',
    cure: 'Keep the directory. See docs/operating/recovery.md for what to do, in order.',
  },
  ASSENT_LOG_INCOMPATIBLE: {
    effect: 'none',
    retry: 'never',
    httpStatus: 500,
    exitCode: 1,
    meaning: 'The log directory is of another installation, or of a newer version of the format.',
    cure: 'Open it with the name and at least the version that wrote it.',
  },
  ASSENT_LOG_BUSY: {
    effect: 'none',
    retry: 'safe',
    httpStatus: 503,
    exitCode: 1,
    meaning: 'Every slot of the log directory is held by a live process.',
    cure: 'Stop a process that holds one, or raise `slots`.',
  },
  ASSENT_UNKNOWN_TRANSACTION: {
    effect: 'none',
    retry: 'never',
    httpStatus: 404,
    exitCode: 1,
    meaning: 'No transaction with this id is known here.',
    cure: 'List what is known with `assent list`.',
  },
  ASSENT_NOT_RESOLVABLE: {
    effect: 'none',
    retry: 'never',
    httpStatus: 409,
    exitCode: 1,
    meaning: 'The transaction is not held, or already has the other decision.',
    cure: 'Only what is held waits for an operator; a decision is never changed.',
  },
}
