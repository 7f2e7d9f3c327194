/** Errors as callers meet them: one class, told apart by `code`, each code with its own fields. */
import type { Decision, HeuristicKind } from './decision.ts'
import {
  type CatalogueEntry,
  type Effect,
  type ErrorCode,
  errorCatalogue,
  type RetryAdvice,
} from './error-catalogue.ts'
import type { TransactionId } from './ids.ts'

/** How one branch voted, as an error reports it. */
export interface VoteReport {
  readonly resource: string
  readonly vote: 'yes' | 'no' | 'read-only' | 'unknown' | 'none'
  readonly cause: unknown
}

/** How one branch ended against, or without, the decision. */
export interface HeuristicReport {
  readonly resource: string
  readonly kind: HeuristicKind
  readonly detail: string
}

type OfTransaction = { readonly id: TransactionId }

/** The structured fields of each code; a code that is not listed has none. */
interface FieldsByCode {
  ASSENT_UNSUPPORTED_NODE: { readonly version: string; readonly oldest: string }
  ASSENT_INVALID_OPTION: { readonly option: string }
  ASSENT_UNKNOWN_RESOURCE: { readonly resource: string; readonly known: readonly string[] }
  ASSENT_ABORTED_BY_VOTE: OfTransaction & { readonly votes: readonly VoteReport[] }
  ASSENT_TIMED_OUT: OfTransaction & { readonly timeoutMs: number; readonly phase: string }
  /** Without an id where the signal had fired before anything was begun. */
  ASSENT_CANCELLED: { readonly id: TransactionId | undefined }
  ASSENT_OUTCOME_UNKNOWN: OfTransaction
  ASSENT_RESULTS_LOST: OfTransaction & { readonly resource: string }
  ASSENT_HEURISTIC: OfTransaction & {
    readonly decision: Decision
    readonly heuristics: readonly HeuristicReport[]
  }
  ASSENT_TRANSACTION_OVER: OfTransaction
  ASSENT_TRANSACTION_DOOMED: OfTransaction
  ASSENT_WORK_NOT_AWAITED: OfTransaction & { readonly pending: readonly string[] }
  ASSENT_TRANSACTION_FORBIDDEN: OfTransaction
  ASSENT_NESTED_CONFLICT: OfTransaction
  ASSENT_SAVEPOINT_UNSUPPORTED: { readonly resource: string }
  ASSENT_STATEMENT_REFUSED: { readonly statement: string }
  ASSENT_SECOND_LAST_RESOURCE: OfTransaction & { readonly resources: readonly string[] }
  ASSENT_RESOURCE_UNAVAILABLE: { readonly resource: string }
  ASSENT_RESOURCE_REFUSED: {
    readonly resource: string
    readonly problem: string
    readonly cure: string
  }
  ASSENT_RESOURCE_CHANGED: {
    readonly resource: string
    readonly expected: string
    readonly found: string
  }
  ASSENT_OVERLOADED: { readonly maxActive: number }
  ASSENT_LOG_CORRUPT: { readonly file: string; readonly offset: number }
  ASSENT_LOG_INCOMPATIBLE: { readonly file: string }
  ASSENT_LOG_BUSY: { readonly directory: string; readonly slots: number }
  ASSENT_UNKNOWN_TRANSACTION: { readonly id: string }
  ASSENT_NOT_RESOLVABLE: { readonly id: string; readonly state: string }
}

export type ErrorFields<Code extends ErrorCode> = Code extends keyof FieldsByCode
  ? FieldsByCode[Code]
  : Readonly<Record<never, never>>

/**
 * An error of Assent. `effect` says what happened to the data, `retry` what the caller may do.
 *
 * @example
 * try {
 *   await coordinator.transaction(['orders', 'stock'], work)
 * } catch (error) {
 *   if (isAssentError(error, 'ASSENT_ABORTED_BY_VOTE')) console.log(error.fields.votes)
 *   if (isAssentError(error) && error.retry === 'safe') return tryAgain()
 *   throw error
 * }
 */
export class AssentError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'AssentError'
  readonly code: Code
  readonly effect: Effect
  readonly retry: RetryAdvice
  readonly fields: ErrorFields<Code>

  constructor(
    code: Code,
    message: string,
    fields: ErrorFields<Code>,
    options?: { readonly cause?: unknown; readonly retry?: RetryAdvice },
  ) {
    super(message, options !== undefined && 'cause' in options ? { cause: options.cause } : {})
    const entry: CatalogueEntry = errorCatalogue[code]
    this.code = code
    this.effect = entry.effect
    this.retry = options?.retry ?? entry.retry
    this.fields = fields
  }
}

/** Whether `error` is one of ours, and, where `code` is given, of that code. */
export function isAssentError(error: unknown): error is AssentError
export function isAssentError<Code extends ErrorCode>(
  error: unknown,
  code: Code,
): error is AssentError<Code>
export function isAssentError(error: unknown, code?: ErrorCode): boolean {
  return error instanceof AssentError && (code === undefined || error.code === code)
}

/** What a person reads of any thrown value, in one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return text.replaceAll(/\s+/g, ' ').trim()
}

/** The `code` that drivers and Node put on their errors, where there is one. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}
