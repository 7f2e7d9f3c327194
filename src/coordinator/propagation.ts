/** How a call relates to the transaction that is open around it. */
import { AssentError } from '../core/errors.ts'
import type { Context, Random } from '../core/ports.ts'
import { doomed, notAwaited } from './failures.ts'
import { checkOptions, type TransactionOptions } from './options.ts'
import { withRetry } from './retry.ts'
import { cancelled, type Runner, runTransaction, type Transacted } from './run.ts'
import type { Scope } from './scope.ts'

/** The user's work, whatever it is given: typed clients, `tx`, or nothing. */
type AnyWork<Value> = (argument: never) => Promise<Value> | Value

type Body<Value> = (scope: Scope) => Promise<Value>

export interface Propagator {
  readonly runner: Runner
  readonly random: Random
  /** Throws when no transaction may begin. */
  readonly refuseIfClosing: () => void
}

/** A call of `transaction` or `transact`, in either form. */
export interface Call<Value> {
  /** Undefined in the dynamic form. */
  readonly names: readonly string[] | undefined
  readonly work: AnyWork<Value>
  readonly options: TransactionOptions
  /** Whether the work gets the scope, and joins its resources by itself, with the call's options. */
  readonly joinsItself?: boolean
}

const noOptions: TransactionOptions = {}

/** Reads the arguments of a call. Throws `ASSENT_INVALID_OPTION`. */
export function readCall<Value>(args: readonly unknown[]): Call<Value> {
  const isDeclared = Array.isArray(args[0])
  const work = args[isDeclared ? 1 : 0]
  const { [isDeclared ? 2 : 1]: options = noOptions } = args
  if (typeof work !== 'function' || typeof options !== 'object' || options === null) {
    const message = 'call transaction([names], work, options?) or transaction(work, options?)'
    throw new AssentError('ASSENT_INVALID_OPTION', message, { option: 'work' })
  }
  const names = isDeclared ? (args[0] as readonly string[]) : undefined
  if (options !== noOptions) checkOptions(options, isDeclared)
  return { names, work: work as AnyWork<Value>, options }
}

/** Runs a call as its propagation says. */
export async function propagate<Value>(
  propagator: Propagator,
  call: Call<Value>,
): Promise<Transacted<Value>> {
  const { names, work, options } = call
  const { context } = propagator.runner
  const around = context.get()
  const open = around?.isOpen ? around : undefined
  const hasScope = names === undefined || call.joinsItself === true
  const body: Body<Value> = async (scope) =>
    work((hasScope ? scope : await scope.clients(names, options)) as never)
  if (options !== noOptions) checkNames(propagator.runner, options)
  const propagation = options.propagation ?? 'required'
  const takesPart = propagation !== 'requires-new' && propagation !== 'never'
  if (takesPart && around !== undefined && open === undefined) throw transactionOver(around)
  switch (propagation) {
    case 'requires-new':
      return begin(propagator, body, options)
    case 'nested':
      if (open === undefined) return begin(propagator, body, options)
      return nest(context, open, insideOf(propagator.runner, open, call, body))
    case 'mandatory':
      if (open === undefined) throw transactionRequired()
      break
    case 'supports':
      if (open === undefined) return withoutTransaction(work)
      break
    case 'never':
      if (open !== undefined) throw transactionForbidden(open)
      return withoutTransaction(work)
    default:
      if (open === undefined) return begin(propagator, body, options)
  }
  return takePart(open, insideOf(propagator.runner, open, call, body))
}

/** A name that nobody has would silently protect nothing. */
function checkNames(
  { engine }: Runner,
  { isolation = {}, readOnly = [] }: TransactionOptions,
): void {
  for (const name of [...Object.keys(isolation), ...readOnly]) engine.resources.get(name)
}

/** Holds the options of a call that takes part in a transaction as far as they can hold there. */
function insideOf<Value>(
  { engine }: Runner,
  around: Scope,
  { names, options, joinsItself = false }: Call<Value>,
  body: Body<Value>,
): Body<Value> {
  const { signal, isolation, readOnly } = options
  const isDynamic = names === undefined && !joinsItself
  if (isDynamic && (isolation !== undefined || readOnly !== undefined)) {
    const option = isolation === undefined ? 'readOnly' : 'isolation'
    const message = `${option} inside another transaction needs the resources named: use [names]`
    throw new AssentError('ASSENT_INVALID_OPTION', message, { option })
  }
  if (signal === undefined) return body
  return async (scope) => {
    if (signal.aborted) throw cancelled(around.id, signal)
    const onAbort = (): void => engine.abort(around.live, cancelled(around.id, signal))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await body(scope)
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}

function begin<Value>(
  { runner, random, refuseIfClosing }: Propagator,
  body: Body<Value>,
  options: TransactionOptions,
): Promise<Transacted<Value>> {
  if (options.retry === undefined) {
    refuseIfClosing()
    return runTransaction(runner, body, options)
  }
  return withRetry(runner.engine, random, options.retry.attempts, (begun) => {
    refuseIfClosing()
    return runTransaction(runner, body, options, begun)
  })
}

/** A failure inside dooms the transaction around it, even when it is caught there. */
async function takePart<Value>(scope: Scope, body: Body<Value>): Promise<Transacted<Value>> {
  try {
    const value = await scope.withPart(() => body(scope))
    return { value, id: scope.id, protocol: undefined, settled: false }
  } catch (cause) {
    scope.doomedBy ??= { cause }
    throw cause
  }
}

/** A failure inside undoes the nested part only; what can't be undone dooms what is around it. */
async function nest<Value>(
  context: Context<Scope>,
  around: Scope,
  body: Body<Value>,
): Promise<Transacted<Value>> {
  return around.withPart(async () => {
    const scope = await around.nest()
    let value: Value
    try {
      value = await context.run(scope, () => body(scope))
      if (scope.doomedBy !== undefined) throw doomed(scope.id, scope.doomedBy.cause)
      if (scope.pending.length > 0) throw notAwaited(scope.live, scope.pending)
    } catch (error) {
      await dooming(around, () => scope.rollBack()).catch(() => undefined)
      throw error
    }
    await dooming(around, () => scope.release())
    return { value, id: scope.id, protocol: undefined, settled: false }
  })
}

async function dooming(around: Scope, end: () => Promise<void>): Promise<void> {
  try {
    await end()
  } catch (cause) {
    around.doomedBy ??= { cause }
    throw cause
  }
}

async function withoutTransaction<Value>(work: AnyWork<Value>): Promise<Transacted<Value>> {
  return { value: await work(undefined as never), id: undefined, protocol: 'none', settled: true }
}

/** The error of a call that needs a transaction around it. */
export function transactionRequired(): AssentError {
  const message = 'this call must run inside coordinator.transaction(...)'
  return new AssentError('ASSENT_TRANSACTION_REQUIRED', message, {})
}

function transactionForbidden({ id }: Scope): AssentError {
  const message = `this call must not run inside a transaction, and ${id} is open`
  return new AssentError('ASSENT_TRANSACTION_FORBIDDEN', message, { id })
}

function transactionOver({ id }: Scope): AssentError {
  const message = `the transaction around this call, ${id}, is committing or has ended`
  return new AssentError('ASSENT_TRANSACTION_OVER', message, { id })
}
