/**
 * What `assent` and a live coordinator say to each other: one request and one reply a connection,
 * each one line of JSON. Version 1; a side that meets another version says so and does nothing.
 */
import type { PendingTransaction } from '../coordinator/pending.ts'
import type { Sighting } from '../coordinator/sweep.ts'
import type { Decision, Outcome } from '../core/decision.ts'
import { type ErrorCode, errorCatalogue } from '../core/error-catalogue.ts'
import { AssentError, messageOf } from '../core/errors.ts'
import type { Signature } from '../log/contract.ts'

export const controlVersion = 1

export const controlLimits = {
  requestBytes: 65_536,
  replyBytes: 67_108_864,
  /** Transactions, and orphans, of one reply; the rest is counted. */
  listed: 10_000,
  /** Until a request has come whole. */
  requestMs: 5_000,
  /** Until a list comes: nobody else is asked in between. */
  listMs: 3_000,
  /** Until any other reply comes: a resource may be asked in between. */
  replyMs: 30_000,
  connections: 16,
} as const

export type ControlRequest =
  | { readonly command: 'list' }
  | { readonly command: 'show'; readonly id: string }
  | ({
      readonly command: 'resolve'
      readonly id: string
      readonly decision: Decision
      readonly resource: string | undefined
    } & Signature)
  | ({ readonly command: 'forget'; readonly id: string } & Signature)

/** What a process knows of all that is not over. */
export interface ProcessReport {
  readonly pid: number
  /** The slots that it holds: its own first, then those that it adopted. */
  readonly logs: readonly string[]
  /** Oldest first, as many as `controlLimits.listed`. */
  readonly transactions: readonly PendingTransaction[]
  readonly transactionCount: number
  readonly orphans: readonly Sighting[]
  readonly orphanCount: number
}

/** What a process knows of one transaction. */
export interface TransactionReport {
  readonly pid: number
  readonly outcome: Outcome
  /** Undefined once it is over. */
  readonly transaction: PendingTransaction | undefined
}

/** What each command is answered with. */
export interface ControlResults {
  readonly list: ProcessReport
  readonly show: TransactionReport
  readonly resolve: null
  readonly forget: null
}

export type ControlReply =
  | { readonly ok: true; readonly result: ControlResults[keyof ControlResults] }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string }

export function encodeRequest(request: ControlRequest): string {
  return encode(request)
}

export function encodeReply(reply: ControlReply): string {
  return encode(reply)
}

/** Throws `ASSENT_INVALID_OPTION` for anything but a request of this version. */
export function decodeRequest(line: string): ControlRequest {
  const { command, ...rest } = decode(line)
  const text = (name: string): string => {
    const value = rest[name]
    if (typeof value === 'string') return value
    throw unreadable(`${String(command)} needs the text ${name}`)
  }
  switch (command) {
    case 'list':
      return { command }
    case 'show':
      return { command, id: text('id') }
    case 'resolve': {
      const decision = text('decision') as Decision // checked by the coordinator
      const resource = rest.resource === undefined ? undefined : text('resource')
      return { command, id: text('id'), decision, resource, by: text('by'), reason: text('reason') }
    }
    case 'forget':
      return { command, id: text('id'), by: text('by'), reason: text('reason') }
    default:
      throw unreadable(`there is no command ${JSON.stringify(command)}`)
  }
}

/** Throws `ASSENT_INVALID_OPTION` for anything but a reply of this version. */
export function decodeReply(line: string): ControlReply {
  const { ok, result, code, message } = decode(line)
  if (ok === true && result !== undefined) {
    return { ok, result: result as ControlResults[keyof ControlResults] }
  }
  if (ok === false && isErrorCode(code) && typeof message === 'string') return { ok, code, message }
  throw unreadable('the reply is of no known form')
}

/** A failure as a reply: those of the catalogue keep their code; of others nobody knows the effect. */
export function failureReply(failure: unknown): ControlReply {
  const code = failure instanceof AssentError ? failure.code : 'ASSENT_OUTCOME_UNKNOWN'
  return { ok: false, code, message: failureText(failure) }
}

function failureText(failure: unknown): string {
  const cause = failure instanceof Error && failure.cause !== undefined ? failure.cause : undefined
  return cause === undefined ? messageOf(failure) : `${messageOf(failure)} (${messageOf(cause)})`
}

function encode(message: object): string {
  return `${JSON.stringify({ version: controlVersion, ...message })}\n`
}

function decode(line: string): Readonly<Record<string, unknown>> {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch (cause) {
    throw unreadable('not JSON', cause)
  }
  if (typeof message !== 'object' || message === null) throw unreadable('not an object')
  const { version, ...rest } = message as Record<string, unknown>
  if (version === controlVersion) return rest
  throw unreadable(
    `version ${String(version)}, and this side speaks version ${controlVersion}: ` +
      'use the assent of the version that the application has',
  )
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCatalogue, code)
}

function unreadable(problem: string, cause?: unknown): AssentError {
  const message = `control socket: ${problem}`
  return new AssentError('ASSENT_INVALID_OPTION', message, { option: 'request' }, { cause })
}
