/**
 * What an error means: answers of a living server, lost connections, and what a person should read.
 *
 * Keeps A6: only an answer of the server is an answer. Messages and severities come in the server's
 * language, so SQLSTATEs alone are compared.
 */
import { codeOf, messageOf } from '../../core/errors.ts'

/** SQLSTATEs that we act on. */
export const sqlState = {
  undefinedObject: '42704',
  insufficientPrivilege: '42501',
  invalidParameterValue: '22023',
  outOfMemory: '53200',
  featureNotSupported: '0A000',
  noSuchStatement: '26000',
  statementExists: '42P05',
  uniqueViolation: '23505',
  notNullViolation: '23502',
  lockNotAvailable: '55P03',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  divisionByZero: '22012',
} as const

/**
 * The SQLSTATE of a server's error. Node's own codes are no such: `ECONNRESET`, and `EPIPE`, which
 * has five characters too, but no digit.
 */
export function sqlStateOf(error: unknown): string | undefined {
  const code = codeOf(error)
  return code !== undefined && /^(?!E)(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** Whether the session does not keep a statement that was sent under a name, or another of it. */
export function isForgotten(error: unknown): boolean {
  const state = sqlStateOf(error)
  return state === sqlState.noSuchStatement || state === sqlState.statementExists
}

/** Whether the error is the server's farewell: it closes the connection after it. */
export function endsConnection(error: unknown): boolean {
  const state = sqlStateOf(error)
  return state === undefined || /^(08|57P0|25P03|25P04)/.test(state)
}

/** Where the server's answer to PREPARE says too little, an error that says more; else the same. */
export function readable(error: unknown): unknown {
  if (sqlStateOf(error) === sqlState.outOfMemory && mentions(error, 'max_prepared_transactions')) {
    return new Error(
      'PostgreSQL has no free slot to prepare a transaction: raise max_prepared_transactions and ' +
        'restart the server, or finish the prepared transactions that were forgotten ' +
        `(pg_prepared_xacts); the server said: ${messageOf(error)}`,
      { cause: error },
    )
  }
  return error
}

/** Whether PREPARE was refused because the transaction notified or listens. */
export function isNotifyRefusal(error: unknown): boolean {
  return sqlStateOf(error) === sqlState.featureNotSupported && mentions(error, 'NOTIFY')
}

/** Names of settings and commands stay English in every language of the server. */
function mentions(error: unknown, word: string): boolean {
  const { message, hint } = error as { message?: unknown; hint?: unknown }
  return String(message).includes(word) || String(hint).includes(word)
}
