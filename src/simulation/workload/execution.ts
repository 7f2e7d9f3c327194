/** Transfers without a callback: their statements are given to `execute`, and its results checked. */
import type { BatchEntry } from '../../coordinator/batches.ts'
import type { TransactionId } from '../../core/ids.ts'
import type { Signal } from '../../core/ports.ts'
import type { BatchPlan } from '../batch-plan.ts'
import type { Changes, Facts } from '../checkers/facts.ts'
import { sentIn, statementOf } from '../database/statements.ts'
import type { SimulatedCoordinator } from '../process/process.ts'
import type { SeededRandom } from '../random.ts'
import type { Broken } from '../violations.ts'
import { changesOf, type Leg, optionsOf, type Transfer } from './transfer.ts'

/** By resource, what each statement answered. */
export type Results = ReadonlyMap<string, readonly number[]>

export interface ExecutionOptions {
  readonly coordinator: SimulatedCoordinator
  readonly facts: Facts
  /** Who calls: its statements say so, for nobody tells it the id of its transaction. */
  readonly sender: string
  /** Told the id of every attempt, as its first branch begins. */
  readonly onBegun: (id: TransactionId) => void
  readonly isInner: boolean
  readonly broken: Broken
}

/** Makes some transfers executed, or executed in part. */
export function drawExecution(
  random: SeededRandom,
  { share, insideShare, readOnlyChance }: BatchPlan,
  transfer: Transfer,
): Transfer {
  const makesStatements = random.chance(0.5)
  if (!random.chance(share)) {
    return { ...transfer, makesStatements, executesInside: random.chance(insideShare) }
  }
  const reads = [...new Set(transfer.legs.map(({ resource }) => resource))].filter((name) =>
    transfer.legs.every(({ resource, amount }) => resource !== name || amount === 0),
  )
  // Several statements at a resource: it is asked as well for what it has changed.
  const asked = random.chance(0.4) ? transfer.legs.map((leg) => ({ ...leg, amount: 0 })) : []
  return {
    ...transfer,
    form: 'execute',
    legs: [...transfer.legs, ...asked],
    idle: [],
    fault: 'none',
    nested: undefined,
    inner: undefined,
    makesStatements,
    readOnly: reads.filter(() => random.chance(readOnlyChance)),
  }
}

/** Runs one transfer by `execute`; what it means to do is known before anything begins. */
export async function runExecution(
  transfer: Transfer,
  { coordinator, facts, sender, onBegun, isInner, broken }: ExecutionOptions,
  signal: Signal | undefined,
): Promise<Results> {
  const { legs, readOnly, makesStatements } = transfer
  const intended: ReadonlyMap<string, Changes> = changesOf(legs)
  facts.expect(sender, { intended, onBegun })
  const options = { ...optionsOf(transfer, signal, isInner), readOnly }
  const batches = batchesOf(legs, sender)
  const results = makesStatements
    ? await coordinator.execute(({ id }) => batchesOf(legs, sentIn(id, sender)), options)
    : await coordinator.execute(batches, options)
  return readResults(batches, results, broken)
}

/** The statements by resource; one alone is given without a list around it. */
export function batchesOf(
  legs: readonly Leg[],
  sender: string,
): Record<string, BatchEntry | BatchEntry[]> {
  const lists = new Map<string, BatchEntry[]>()
  for (const { resource, account, amount } of legs) {
    const { text, values } = statementOf(account, amount, sender)
    lists.set(resource, [...(lists.get(resource) ?? []), [text, values]])
  }
  return Object.fromEntries(
    [...lists].map(([resource, list]) => {
      const [first] = list
      return [resource, list.length === 1 && first !== undefined ? first : list]
    }),
  )
}

/** A result for one statement, a list for a list: of numbers, as every statement is answered with. */
export function readResults(
  batches: Readonly<Record<string, BatchEntry | BatchEntry[]>>,
  given: Readonly<Record<string, unknown>>,
  broken: Broken,
): Results {
  const results = new Map<string, readonly number[]>()
  for (const [resource, batch] of Object.entries(batches)) {
    const isOne = typeof batch[0] === 'string'
    const result = given[resource]
    const several: readonly unknown[] = Array.isArray(result) ? result : []
    const list = isOne ? [result] : several
    if (
      list.length !== (isOne ? 1 : batch.length) ||
      !list.every((each) => Number.isFinite(each))
    ) {
      broken('program', `execute answers ${String(result)} for ${resource}: ${String(batch)}`)
    }
    results.set(resource, list as readonly number[])
  }
  return results
}
