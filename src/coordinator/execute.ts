/**
 * Transactions without a callback: statements that are all known before anything is sent.
 *
 * Keeps what `transaction` keeps: the engine, the votes and the decision are the same. All that
 * differs is that a resource gets its branch's whole work at once, and may run it with its vote.
 */
import { AssentError, isAssentError } from '../core/errors.ts'
import type { BatchBranch, BatchStatement, ResultOf } from '../participants/contract.ts'
import type { LiveBranch } from './live-transaction.ts'
import type { NameOf, ResourceMap, TransactionOptions } from './options.ts'
import { type Propagator, propagate, readCall } from './propagation.ts'
import type { Resource } from './resources.ts'
import type { Batches, Scope } from './scope.ts'

/** A statement and its values. */
export type BatchEntry = readonly [text: string, values?: readonly unknown[]]

/** What is to be run at each resource: one statement, or a list of them. */
export type BatchMap<Resources extends ResourceMap> = {
  readonly [Name in NameOf<Resources>]?: BatchEntry | readonly BatchEntry[]
}

/** What they answered: a result for one statement, a list for a list. */
export type Executed<Resources extends ResourceMap, Work> = {
  readonly [Name in keyof Work & NameOf<Resources>]: Work[Name] extends BatchEntry
    ? ResultOf<Resources[Name]>
    : readonly ResultOf<Resources[Name]>[]
}

type Answers = Map<string, readonly unknown[]>

/** Runs the batches as one transaction; answers the results by the resources' names. */
export async function execute(
  propagator: Propagator,
  given: unknown,
  options: TransactionOptions = {},
): Promise<Record<string, unknown>> {
  const batches = readBatches(given)
  const names = [...batches.keys()]
  const { engine, context } = propagator.runner
  for (const name of names) refuseUnlessItTakesStatements(engine.resources.get(name))
  const around = context.get()
  let branches: readonly LiveBranch[] = []
  const work = async (scope: Scope): Promise<Answers> => {
    // Beside other work, before or after it, a branch can't be one message.
    const isInside = scope === around || scope.parent !== undefined
    if (isInside) return await runInside(scope, batches, options)
    branches = await scope.branches(names, options, batches)
    return new Map()
  }
  const call = { ...readCall<Answers>([names, work, options]), joinsItself: true }
  try {
    const { value } = await propagate<Answers>(propagator, call)
    for (const branch of branches) value.set(branch.resourceName, batchOf(branch)?.results ?? [])
    return shaped(value, given as Record<string, unknown>)
  } catch (error) {
    throw failureOf(branches, error)
  }
}

/** Reads what the user wrote. Throws `ASSENT_INVALID_OPTION`. */
function readBatches(given: unknown): Batches {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid('call execute({ resource: [text, values] | [[text, values], ...] }, options?)')
  }
  const entries = Object.entries(given).filter(([, batch]) => batch !== undefined)
  if (entries.length === 0) throw invalid('execute was given no statements')
  return new Map(entries.map(([name, batch]) => [name, readBatch(name, batch)]))
}

function readBatch(name: string, batch: unknown): readonly BatchStatement[] {
  if (!Array.isArray(batch)) throw invalid(`${name} must be [text, values] or a list of those`)
  const list = isOne(batch) ? [batch] : batch
  if (list.length === 0) throw invalid(`${name} was given no statements`)
  return list.map((each) => {
    const [text, values = [], ...more] = Array.isArray(each) ? each : []
    if (typeof text === 'string' && Array.isArray(values) && more.length === 0)
      return { text, values }
    throw invalid(`${name}: a statement is [text] or [text, values], its values a list`)
  })
}

function isOne(batch: readonly unknown[]): boolean {
  return typeof batch[0] === 'string'
}

function refuseUnlessItTakesStatements({ name, participant }: Resource): void {
  if (participant.beginBatch !== undefined) return
  throw invalid(`${name} takes no statements: call transaction(['${name}'], work)`)
}

/** Inside a transaction that goes on, the statements are sent to the clients of its branches. */
async function runInside(
  scope: Scope,
  batches: Batches,
  options: TransactionOptions,
): Promise<Answers> {
  const branches = await scope.branches([...batches.keys()], options)
  const running = branches.map(async ({ resourceName, resource, handle }) => {
    const statements = batches.get(resourceName) ?? []
    const results = await resource?.participant.runBatch?.(handle?.client, statements)
    return [resourceName, results ?? []] as const
  })
  await Promise.allSettled(running)
  return new Map(await Promise.all(running))
}

function batchOf({ handle }: LiveBranch): BatchBranch | undefined {
  return handle !== undefined && 'results' in handle ? (handle as BatchBranch) : undefined
}

/** The error of the statement that failed, as work that throws it would; else what went wrong. */
function failureOf(branches: readonly LiveBranch[], error: unknown): unknown {
  if (!isAssentError(error, 'ASSENT_ABORTED_BY_VOTE')) return error
  const failed = branches
    .map((branch) => batchOf(branch)?.failed)
    .find((each) => each !== undefined)
  return failed?.cause ?? error
}

/** One result for one statement, a list for a list. */
function shaped(
  results: ReadonlyMap<string, readonly unknown[]>,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    [...results].map(([name, list]) => [name, isOne(given[name] as unknown[]) ? list[0] : list]),
  )
}

function invalid(message: string): AssentError {
  return new AssentError('ASSENT_INVALID_OPTION', message, { option: 'batches' })
}
