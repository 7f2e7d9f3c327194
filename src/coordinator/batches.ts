/** What `execute` is asked to run, as its caller writes it. */
import { AssentError } from '../core/errors.ts'
import type { BatchStatement, ResultOf } from '../participants/contract.ts'
import type { Engine } from './engine.ts'
import type { NameOf, ResourceMap } from './options.ts'
import type { Resource } from './resources.ts'
import type { Batches, Transaction } from './scope.ts'

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
export interface Asked {
  readonly given: Readonly<Record<string, unknown>>
  readonly batches: Batches
}

export const nothingAsked: Asked = { given: {}, batches: new Map() }

const usage =
  'call execute({ resource: [text, values] | [[text, values], ...] }, options?), or with a function ' +
  'of tx that answers such an object'

/** Throws `ASSENT_INVALID_OPTION`. */
export function readBatches({ resources }: Engine, given: unknown): Asked {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid(usage)
  }
  if ('then' in given && typeof given.then === 'function') {
    // Nobody else will hear how that ends.
    Promise.resolve(given).catch(() => undefined)
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
  if (participant.beginBatch !== undefined && participant.runBatch !== undefined) return
  throw invalid(`${name} takes no statements: call transaction(['${name}'], work)`)
}

/** One result for one statement, a list for a list. */
export function shaped(
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

export function invalid(message: string): AssentError {
  return new AssentError('ASSENT_INVALID_OPTION', message, { option: 'batches' })
}
