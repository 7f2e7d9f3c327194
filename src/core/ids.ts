/**
 * Ids of installations, logs, transactions and branches (A7, A8).
 *
 *     transaction   shop.7k2m9q4w8x1zc.3.1f        installation . log identity . epoch . counter
 *     branch        assent.shop.7k2m9q4w8x1zc.3.1f.0           the same, and the branch's number
 *
 * A branch id is what a database stores for us (PostgreSQL's gid), so it begins with a word that
 * tells a stranger whose it is, keeps to `[a-z0-9.-]` (`PREPARE TRANSACTION` takes no parameters)
 * and has at most 64 bytes (the limit of XA). Ids are parsed exactly, never matched by prefix:
 * `shop` must not touch what belongs to `shop-eu`. One text has one reading, and back.
 */

declare const brand: unique symbol
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name }

/** What the user calls this installation: `[a-z0-9-]`, 1 to 20 characters. */
export type InstallationName = Branded<string, 'InstallationName'>
/** The random identity made with a log: 13 characters, 65 bits. */
export type LogIdentity = Branded<string, 'LogIdentity'>
export type TransactionId = Branded<string, 'TransactionId'>
export type BranchId = Branded<string, 'BranchId'>

/** A transaction within its log. The epoch counts the log's openings; both only grow (A8). */
export interface TransactionKey {
  readonly epoch: number
  readonly counter: number
}

export interface TransactionIdParts extends TransactionKey {
  readonly installation: InstallationName
  readonly log: LogIdentity
}

export interface BranchIdParts extends TransactionIdParts {
  readonly branch: number
}

/** Limits that keep every branch id within 64 bytes. */
export const idLimits = {
  installationLength: 20,
  logIdentityLength: 13,
  /** Six digits of base 36: over two thousand million openings of one log. */
  epoch: 2_176_782_335,
  /** Nine digits of base 36: about 10^14 transactions an opening. */
  counter: 101_559_956_668_415,
  /** Two digits of base 36. */
  branch: 1_295,
  branchIdBytes: 64,
} as const

const prefix = 'assent.'
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz' // Crockford's base 32: no i, l, o, u
const installationForm = /^[a-z0-9-]{1,20}$/
const transactionForm =
  /^([a-z0-9-]{1,20})\.([0-9a-hjkmnp-tv-z]{13})\.([0-9a-z]{1,6})\.([0-9a-z]{1,9})$/
const branchForm = /^assent\.(.+)\.([0-9a-z]{1,2})$/

export function isInstallationName(text: string): text is InstallationName {
  return installationForm.test(text)
}

/** Makes a log identity of 65 random bits; `fill` as in the port `Random`. */
export function makeLogIdentity(fill: (bytes: Uint8Array) => void): LogIdentity {
  const bytes = new Uint8Array(idLimits.logIdentityLength)
  fill(bytes)
  let text = ''
  for (const byte of bytes) text += alphabet.charAt(byte & 31)
  return text as LogIdentity
}

export function isLogIdentity(text: string): text is LogIdentity {
  return /^[0-9a-hjkmnp-tv-z]{13}$/.test(text)
}

/** The canonical text of a number: base 36 without leading zeros. */
function parseNumber(text: string): number | undefined {
  const value = Number.parseInt(text, 36)
  return value.toString(36) === text ? value : undefined
}

/**
 * @example
 * const installation = 'shop' as InstallationName
 * const log = '7k2m9q4w8x1zc' as LogIdentity
 * formatTransactionId({ installation, log, epoch: 3, counter: 51 }) // 'shop.7k2m9q4w8x1zc.3.1f'
 */
export function formatTransactionId(parts: TransactionIdParts): TransactionId {
  return formatCounter(transactionIdStart(parts), parts.counter)
}

/** What all transaction ids of one epoch begin with. */
export function transactionIdStart(parts: Omit<TransactionIdParts, 'counter'>): string {
  const { installation, log, epoch } = parts
  return `${installation}.${log}.${epoch.toString(36)}.`
}

/** A transaction id, of what `transactionIdStart` answered and the counter. */
export function formatCounter(start: string, counter: number): TransactionId {
  return (start + counter.toString(36)) as TransactionId
}

/** The parts of a transaction id, or undefined for any other text. */
export function parseTransactionId(text: string): TransactionIdParts | undefined {
  const match = transactionForm.exec(text)
  if (match === null) return undefined
  const epoch = parseNumber(match[3] ?? '')
  const counter = parseNumber(match[4] ?? '')
  if (epoch === undefined || counter === undefined) return undefined
  return {
    installation: match[1] as InstallationName,
    log: match[2] as LogIdentity,
    epoch,
    counter,
  }
}

/**
 * @example
 * const transaction = 'shop.7k2m9q4w8x1zc.3.1f' as TransactionId
 * formatBranchId(transaction, 0) // 'assent.shop.7k2m9q4w8x1zc.3.1f.0'
 */
export function formatBranchId(transaction: TransactionId, branch: number): BranchId {
  return `${prefix}${transaction}.${branch.toString(36)}` as BranchId
}

/** The parts of a branch id, or undefined for any other text. */
export function parseBranchId(text: string): BranchIdParts | undefined {
  const match = branchForm.exec(text)
  if (match === null) return undefined
  const transaction = parseTransactionId(match[1] ?? '')
  const branch = parseNumber(match[2] ?? '')
  if (transaction === undefined || branch === undefined) return undefined
  return { ...transaction, branch }
}
