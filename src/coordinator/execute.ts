/**
 * Transactions without a callback: statements that are all known before anything is sent.
 *
 * Keeps what `transaction` keeps: the engine, the votes and the decision are the same. All that
 * differs is that a resource gets its branch's whole work at once, and may run it with its vote.
 */
import { AssentError, isAssentError } from '../core/errors.ts'
import type { TransactionId } from '../core/ids.ts'
import { invariant } from '../core/invariant.ts'
import type { BatchStatement, ResultOf } from '../participants/contract.ts'
import type { Engine } from './engine.ts'
import { batchOf, type LiveBranch } from './live-transaction.ts'
import type { NameOf, ResourceMap, TransactionOptions } from './options.ts'
import { type Propagator, propagate, readCall } from './propagation.ts'
import type { Resource } from './resources.ts'
import type { Batches, Scope, Transaction } from './scope.ts'

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

/** The same, made once the transaction's id is known: for rows that carry it. */
export type BatchesFor<Resources extends ResourceMap, Work extends BatchMap<Resources>> =
  | Work
  | ((tx: Pick<Transaction, 'id'>) => Work)

/** What is to be run, as the user wrote it and as it was read. */
interface Asked {
  readonly given: Readonly<Record<string, unknown>>
  readonly batches: Batches
}

const nothingAsked: Asked = { given: {}, batches: new Map() }

type Answers = ReadonlyMap<string, readonly unknown[]>

/** Where the batches are whole branches, their results come with the votes: afterwards. */
const noAnswers: Answers = new Map()

/** Runs the batches as one transaction; answers the results by the resources' names. */
export async function execute(
  propagator: Propagator,
  given: unknown,
  options: TransactionOptions = {},
): Promise<Record<string, unknown>> {
  const { engine, context } = propagator.runner
  let asked = nothingAsked
  const read = (batches: unknown): Asked => {
    asked = readBatches(engine, batches)
    return asked
  }
  const made = (scope: Scope): Asked => {
    const before = scope.live.branches.length
    const batches = (given as (tx: Pick<Transaction, 'id'>) => unknown)({ id: scope.id })
    // A branch that it began would have work besides its statements, and be no batch.
    if (scope.live.branches.length === before) return read(batches)
    throw invalid('the function that makes the statements only makes them: join nothing in it')
  }
  const names = typeof given === 'function' ? undefined : [...read(given).batches.keys()]
  const around = context.get()
  let branches: readonly LiveBranch[] = []
  const work = async (scope: Scope | undefined): Promise<Answers> => {
    if (scope === undefined) {
      throw invalid('execute is a transaction: it takes no `never`, nor `supports` outside of one')
    }
    // A retry is another transaction, with another id.
    const { batches } = typeof given === 'function' ? made(scope) : asked
    // Beside other work, before or after it, a branch can't be one message.
    const isInside = scope === around || scope.parent !== undefined
    if (isInside) return await runInside(scope, batches, options)
    branches = await scope.branches([...batches.keys()], options, batches)
    return noAnswers
  }
  const call = readCall<Answers>(names === undefined ? [work, options] : [names, work, options])
  try {
    const { value, id } = await propagate<Answers>(propagator, { ...call, joinsItself: true })
    return resultsOf(asked, (name) =>
      value === noAnswers ? resultsAt(name, branches, asked, id) : value.get(name),
    )
  } catch (error) {
    throw failureOf(branches, error)
  }
}

/** Throws `ASSENT_INVALID_OPTION`. */
function readBatches({ resources }: Engine, given: unknown): Asked {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid('call execute({ resource: [text, values] | [[text, values], ...] }, options?)')
  }
  if ('then' in given && typeof given.then === 'function') {
    throw invalid('the function that makes the statements answers them at once')
  }
  const batches = new Map<string, readonly BatchStatement[]>()
  for (const name of Object.keys(given)) {
    const batch = (given as Record<string, unknown>)[name]
    if (batch !== undefined) batches.set(name, readBatch(name, batch))
  }
  if (batches.size === 0) throw invalid('execute was given no statements')
  for (const name of batches.keys()) refuseUnlessItTakesStatements(resources.get(name))
  return { given: given as Record<string, unknown>, batches }
}

function readBatch(name: string, batch: unknown): readonly BatchStatement[] {
  if (!Array.isArray(batch)) throw invalid(`${name} must be [text, values] or a list of those`)
  if (isOne(batch)) return [readStatement(name, batch)]
  if (batch.length === 0) throw invalid(`${name} was given no statements`)
  return batch.map((each) => readStatement(name, each))
}

function readStatement(name: string, given: unknown): BatchStatement {
  if (Array.isArray(given) && given.length <= 2) {
    const [text, values = []] = given
    if (typeof text === 'string' && Array.isArray(values)) return { text, values }
  }
  throw invalid(`${name}: a statement is [text] or [text, values], its values a list`)
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

/** The error of the statement that failed, as work that throws it would; else what went wrong. */
function failureOf(branches: readonly LiveBranch[], error: unknown): unknown {
  if (!isAssentError(error, 'ASSENT_ABORTED_BY_VOTE')) return error
  const failed = branches
    .map((branch) => batchOf(branch)?.failed)
    .find((each) => each !== undefined)
  return failed?.cause ?? error
}

/** One result for one statement, a list for a list. */
function resultsOf(
  { given, batches }: Asked,
  listAt: (name: string) => readonly unknown[] | undefined,
): Record<string, unknown> {
  const results: Record<string, unknown> = {}
  for (const name of batches.keys()) {
    const list = listAt(name)
    results[name] = isOne(given[name] as readonly unknown[]) ? list?.[0] : list
  }
  return results
}

/**
 * What a branch's statements answered. Where that came in one message with its commit, and the
 * message was lost, the commit is found out later, but the results are not.
 */
function resultsAt(
  name: string,
  branches: readonly LiveBranch[],
  asked: Asked,
  id: TransactionId | undefined,
): readonly unknown[] {
  const branch = branches.find(({ resourceName }) => resourceName === name)
  const results = (branch && batchOf(branch)?.results) ?? []
  if (results.length === asked.batches.get(name)?.length) return results
  invariant(id !== undefined, 'A6', 'a batch that is a whole branch is of a transaction')
  throw new AssentError(
    'ASSENT_RESULTS_LOST',
    `transaction ${id} has committed, but what its statements answered at ${name} was lost`,
    { id, resource: name },
  )
}

function invalid(message: string): AssentError {
  return new AssentError('ASSENT_INVALID_OPTION', message, { option: 'batches' })
}
