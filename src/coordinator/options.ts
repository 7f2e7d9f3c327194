/** What a user may say of a transaction, and the checks of it. */
import { AssentError } from '../core/errors.ts'
import type { Signal } from '../core/ports.ts'
import type { ClientOf, Participant } from '../participants/contract.ts'
import { limitOrNone, positiveNumber } from './settings.ts'

/** The resources of a coordinator, by the names that the user gave them. */
export type ResourceMap = Readonly<Record<string, Participant>>

/** A resource's name. */
export type NameOf<Resources extends ResourceMap> = keyof Resources & string

/** The typed clients of the named resources. */
export type ClientsOf<Resources extends ResourceMap, Name extends NameOf<Resources>> = {
  readonly [Each in Name]: ClientOf<Resources[Each]>
}

/** How a call relates to the transaction that is open around it, if there is one. */
export type Propagation =
  /** Takes part in the open transaction, or begins one. The default. */
  | 'required'
  /** Begins its own, whatever is open; the open one waits untouched. */
  | 'requires-new'
  /** A savepoint in the open transaction: its failure undoes only its own work. Else begins one. */
  | 'nested'
  /** Takes part in the open transaction; there must be one. */
  | 'mandatory'
  /** Takes part in the open transaction, or runs without any. Dynamic form only. */
  | 'supports'
  /** Runs without any; there must be none. Dynamic form only. */
  | 'never'

export interface RetryOptions {
  /** How often the work is run in all, at most; it is run again after a conflict only. */
  readonly attempts: number
}

/**
 * A call that takes part in the transaction around it leaves `timeoutMs`, `retry` and `settleWaitMs`
 * to that one; its `isolation` and `readOnly` hold for the branches that begin with it.
 */
export interface TransactionOptions<Name extends string = string> {
  /** Milliseconds from begin to the decision; default 30,000. */
  readonly timeoutMs?: number
  /** Rolls back when it fires before the decision; inside another transaction, all of that. */
  readonly signal?: Signal
  /** The isolation level of each resource's branch, in the resource's own words. */
  readonly isolation?: { readonly [Each in Name]?: string }
  /** Resources whose branch is to be read-only. */
  readonly readOnly?: readonly Name[]
  /** Runs the work again after a serialization failure or a deadlock (40001, 40P01, 1213). */
  readonly retry?: RetryOptions
  readonly propagation?: Propagation
  /** How long to wait, once decided, for the branches to acknowledge; default 2,000 ms; 0: not. */
  readonly settleWaitMs?: number
}

const propagations: readonly string[] = [
  'required',
  'requires-new',
  'nested',
  'mandatory',
  'supports',
  'never',
]

const known: Readonly<Record<keyof TransactionOptions, true>> = {
  timeoutMs: true,
  signal: true,
  isolation: true,
  readOnly: true,
  retry: true,
  propagation: true,
  settleWaitMs: true,
}

/** Throws `ASSENT_INVALID_OPTION` for what can't be meant. */
export function checkOptions(options: TransactionOptions, declared: boolean): void {
  const { propagation = 'required', retry, signal } = options
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(known, name)) refuse(name, 'is no option of a transaction')
  }
  if (!propagations.includes(propagation)) {
    refuse('propagation', `must be one of ${propagations.join(', ')}, not ${propagation}`)
  }
  if (declared && (propagation === 'supports' || propagation === 'never')) {
    refuse('propagation', `'${propagation}' may run without a transaction: name no resources then`)
  }
  if (options.timeoutMs !== undefined) positiveNumber('timeoutMs', options.timeoutMs)
  if (options.settleWaitMs !== undefined) limitOrNone('settleWaitMs', options.settleWaitMs)
  checkModes(options)
  if (signal !== undefined && !isSignal(signal)) refuse('signal', 'must be an AbortSignal')
  if (retry !== undefined && !(Number.isInteger(retry.attempts) && retry.attempts >= 1)) {
    refuse('retry.attempts', `must be a whole number from 1, not ${String(retry.attempts)}`)
  }
}

function checkModes({ isolation, readOnly }: TransactionOptions): void {
  const isMap = isolation === undefined || (typeof isolation === 'object' && isolation !== null)
  if (!isMap || Object.values(isolation ?? {}).some((level) => typeof level !== 'string')) {
    refuse('isolation', "must name resources, as in { orders: 'serializable' }")
  }
  if (readOnly !== undefined && !Array.isArray(readOnly)) {
    refuse('readOnly', "must be a list of resources, as in ['orders']")
  }
}

function isSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('aborted' in value)) return false
  return 'addEventListener' in value && typeof value.addEventListener === 'function'
}

function refuse(option: string, problem: string): never {
  throw new AssentError('ASSENT_INVALID_OPTION', `${option} ${problem}`, { option })
}
