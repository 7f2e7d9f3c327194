/** Runs one transfer through the face of a coordinator, and notes what its work meant to do. */

import type { Transacted } from '../../coordinator/run.ts'
import type { Transaction } from '../../coordinator/scope.ts'
import { isAssentError } from '../../core/errors.ts'
import type { TransactionId } from '../../core/ids.ts'
import type { Signal } from '../../core/ports.ts'
import type { Facts } from '../checkers/facts.ts'
import type { AccountClient } from '../database/branch.ts'
import type { Incarnation } from '../process/incarnation.ts'
import type { Accounts, SimulatedCoordinator } from '../process/process.ts'
import type { Broken } from '../violations.ts'
import { batchesOf, readResults } from './execution.ts'
import { type Leg, noteChange, optionsOf, type Transfer } from './transfer.ts'

export interface WorkOptions {
  readonly coordinator: SimulatedCoordinator
  readonly incarnation: Incarnation
  readonly facts: Facts
  /** Told the id of every attempt, as its work begins. */
  readonly onBegun: (id: TransactionId) => void
  /** Runs a transfer of its own inside the work. */
  readonly inner: (transfer: Transfer) => Promise<void>
  readonly isInner: boolean
  readonly broken: Broken
  readonly count: (what: string) => void
}

/** What user code throws. */
export class WorkFailed extends Error {
  override readonly name = 'WorkFailed'
}

type ClientAt = (resource: string) => AccountClient | Promise<AccountClient>

export function runTransfer(
  transfer: Transfer,
  options: WorkOptions,
  signal: Signal | undefined,
): Promise<Transacted<number>> {
  const { coordinator } = options
  const { form } = transfer
  const given = optionsOf(transfer, signal, options.isInner)
  if (form === 'declared') {
    const names = [...new Set([...transfer.legs.map(({ resource }) => resource), ...transfer.idle])]
    return coordinator.transact(
      names,
      (clients) => {
        const { tx, ...others } = clients
        const byName = others as unknown as Readonly<Record<string, AccountClient>>
        return work(transfer, options, tx.id, (resource) => byName[resource] as AccountClient)
      },
      given,
    )
  }
  return coordinator.transact(
    (tx: Transaction<Accounts>) =>
      work(transfer, options, tx.id, (resource) =>
        form === 'dynamic' ? tx.join(resource) : coordinator.join(resource),
      ),
    given,
  )
}

/** The callback of the user. */
async function work(
  transfer: Transfer,
  options: WorkOptions,
  id: TransactionId,
  clientAt: ClientAt,
): Promise<number> {
  const { incarnation, facts, onBegun } = options
  const found = facts.begun(id, incarnation.name)
  const intended = new Map<string, Map<string, number>>()
  onBegun(id)
  if (transfer.fault === 'goes-on') {
    // What has failed dooms the transaction: nothing is intended then, whatever is returned.
    if (!(await goOn(transfer, options, clientAt, intended))) return 0
  } else await runLegs(transfer, transfer.legs, options, clientAt, intended)
  if (transfer.fault === 'throws') throw new WorkFailed('the work gives up')
  if (transfer.fault === 'caught-inside') await failInside(options, clientAt, transfer)
  if (transfer.nested !== undefined) await runNested(transfer, options, intended)
  if (transfer.inner !== undefined) await options.inner(transfer.inner)
  if (transfer.fault === 'not-awaited') leaveUnawaited(await clientAt(transfer.faultAt))
  // From here on the coordinator may commit just this.
  found.intended = intended
  return transfer.legs.length
}

async function runLegs(
  transfer: Transfer,
  legs: readonly Leg[],
  options: WorkOptions,
  clientAt: ClientAt,
  intended: Map<string, Map<string, number>>,
): Promise<void> {
  const { isParallel, pauseMs, executesInside } = transfer
  if (executesInside) return executeLegs(transfer, legs, options, intended)
  const run = async ({ resource, account, amount }: Leg): Promise<void> => {
    const client = await clientAt(resource)
    if (amount === 0) {
      await client.read(account)
      return
    }
    await client.add(account, amount)
    noteChange(intended, resource, account, amount)
  }
  if (isParallel) {
    // A client may have one failure only: the others are awaited all the same.
    const ends = await Promise.allSettled(legs.map(run))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    return
  }
  for (const leg of legs) {
    await run(leg)
    if (pauseMs > 0) await options.incarnation.sleep(pauseMs)
  }
}

/** All of them by one call, which takes part in the transaction around it. */
async function executeLegs(
  { makesStatements }: Transfer,
  legs: readonly Leg[],
  { coordinator, facts, broken, count }: WorkOptions,
  intended: Map<string, Map<string, number>>,
): Promise<void> {
  const found = facts.get(coordinator.current?.id ?? '')
  const batches = batchesOf(legs, 'inside')
  const given = makesStatements ? (): typeof batches => batches : batches
  const results = readResults(batches, await coordinator.execute(given), broken)
  for (const [resource, values] of results) found?.resultsInside.push({ resource, values })
  count('execute inside a transaction')
  for (const { resource, account, amount } of legs) {
    if (amount !== 0) noteChange(intended, resource, account, amount)
  }
}

/**
 * Work that takes no notice of failures, nor of its transaction being over. Answers whether what
 * is left may commit: a resource that could not be joined leaves nothing behind.
 */
async function goOn(
  transfer: Transfer,
  options: WorkOptions,
  clientAt: ClientAt,
  intended: Map<string, Map<string, number>>,
): Promise<boolean> {
  let mayCommit = true
  for (const leg of transfer.legs) {
    try {
      await runLegs(transfer, [leg], options, clientAt, intended)
    } catch (failure) {
      mayCommit &&= isAssentError(failure, 'ASSENT_RESOURCE_UNAVAILABLE')
    }
  }
  return mayCommit
}

/** A nested part that fails undoes only itself. */
async function runNested(
  transfer: Transfer,
  options: WorkOptions,
  intended: Map<string, Map<string, number>>,
): Promise<void> {
  const { nested } = transfer
  if (nested === undefined) return
  const { coordinator } = options
  const clientAt: ClientAt = (resource) => coordinator.join(resource)
  const inside = new Map<string, Map<string, number>>()
  try {
    await coordinator.transaction(
      async () => {
        await runLegs(transfer, nested.legs, options, clientAt, inside)
        if (nested.throws) throw new WorkFailed('the nested part gives up')
      },
      { propagation: 'nested' },
    )
  } catch (error) {
    if (error instanceof WorkFailed) return
    throw error
  }
  for (const [resource, changes] of inside) {
    for (const [account, amount] of changes) noteChange(intended, resource, account, amount)
  }
}

/** A part that takes part and fails dooms the whole, though the work catches it. */
async function failInside(
  { coordinator }: WorkOptions,
  clientAt: ClientAt,
  transfer: Transfer,
): Promise<void> {
  try {
    await coordinator.transaction(
      async () => {
        await (await clientAt(transfer.faultAt)).add('a0', 1)
        throw new WorkFailed('the inner part gives up')
      },
      { propagation: 'mandatory' },
    )
  } catch (error) {
    if (!(error instanceof WorkFailed)) throw error
  }
}

/** A statement that nobody waits for: a database has not answered it when the work returns. */
function leaveUnawaited(client: AccountClient): void {
  client.add('a0', 1).catch(() => {
    // What it fails with is told by the transaction.
  })
}
