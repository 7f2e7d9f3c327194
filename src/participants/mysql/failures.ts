/**
 * What an error means: answers of a living server, lost connections, and what a person should read.
 *
 * Keeps A6: only an answer of the server is an answer. The driver puts an `errno` on its own errors
 * and Node's as well; only the server's come with an SQLSTATE.
 */

/** Numbers of errors that we act on. */
export const errors = {
  deadlock: 1213,
  lockWaitTimeout: 1205,
  lockTableFull: 1206,
  accessDenied: 1227,
  unknownThread: 1094,
  unknownSavepoint: 1305,
  unknownXid: 1397,
  wrongXaState: 1399,
  rolledBack: 1402,
  rolledBackTimeout: 1613,
  rolledBackDeadlock: 1614,
} as const

/** With these the server has rolled back all of the transaction, or holds it for nothing else. */
const endingTransaction: ReadonlySet<number> = new Set([
  errors.deadlock,
  errors.lockTableFull,
  errors.wrongXaState,
  errors.rolledBack,
  errors.rolledBackTimeout,
  errors.rolledBackDeadlock,
])

/** With these the server closes the connection: shut down, killed, idle too long. */
const farewells: ReadonlySet<number> = new Set([1053, 1152, 1184, 1927, 3169, 4031])

/** The number of a server's error; undefined where the server did not answer. */
export function numberOf(error: unknown): number | undefined {
  const { errno, sqlState } = (error ?? {}) as { errno?: unknown; sqlState?: unknown }
  return typeof errno === 'number' && typeof sqlState === 'string' ? errno : undefined
}

/** Whether the connection is of no more use after it. */
export function endsConnection(error: unknown): boolean {
  const number = numberOf(error)
  return number === undefined || farewells.has(number)
}

/** Whether nothing of the transaction can commit after it, whatever savepoints there were. */
export function endsTransaction(error: unknown): boolean {
  const number = numberOf(error)
  return number === undefined || endingTransaction.has(number) || farewells.has(number)
}

/** Whether the server said that it rolled the branch back (the XA_RB codes). */
export function isRolledBack(error: unknown): boolean {
  const number = numberOf(error)
  return (
    number === errors.rolledBack ||
    number === errors.rolledBackTimeout ||
    number === errors.rolledBackDeadlock
  )
}
