/**
 * The worker process of the demo: moves money through a coordinator, as an application would, until
 * it is told to finish, or killed.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { messageOf } from '../../core/errors.ts'
import { type Coordinator, isAssentError, openCoordinator, type Participant } from '../../index.ts'
import { move, noteAttempt, Overdraft } from './bank.ts'
import type { Client, WorkerDatabase } from './database.ts'
import { openWorkerMysql } from './mysql-database.ts'
import { drawsFrom, nextTransfer, type Side, sides, type Transfer } from './plan.ts'
import { openWorkerPostgres } from './postgres-database.ts'
import type { FromWorker, ToWorker, WorkerOrders } from './worker-messages.ts'

/** Ids of one worker's transfers; with the incarnation they stay below 2^53. */
const transfersPerWorker = 1_000_000_000
const transactionTimeoutMs = 4_000
/** After a failure that the demo did not plan: the database is probably down. */
const pauseAfterFailureMs = 50

class Regret extends Error {
  override readonly name = 'Regret'
}

// Without whoever started it, the worker has nothing to do.
const abandoned = (): never => process.exit(1)
process.on('disconnect', abandoned)
const ordersGiven = Promise.withResolvers<WorkerOrders>()
const finishTold = Promise.withResolvers<void>()
const closeTold = Promise.withResolvers<void>()
process.on('message', (message: ToWorker) => {
  if (message.type === 'orders') ordersGiven.resolve(message.orders)
  if (message.type === 'finish') finishTold.resolve()
  if (message.type === 'close') closeTold.resolve()
})
try {
  await work(await ordersGiven.promise)
} catch (failure) {
  tell({ type: 'problem', text: messageOf(failure) })
  throw failure
}

async function work(orders: WorkerOrders): Promise<void> {
  const { name, decisions, concurrency, seed, incarnation } = orders
  const databases = {
    left: await openDatabase(orders, 'left'),
    right: await openDatabase(orders, 'right'),
  }
  const options = {
    name,
    resources: { left: databases.left.participant, right: databases.right.participant },
    // Sooner than the defaults: a demo has no time to wait for what can wait.
    backOffMaxMs: 1_000,
    checkIntervalMs: 250,
    deliveryTimeoutMs: 3_000,
    orphanIntervalMs: 1_000,
    sweepIntervalMs: 1_000,
  }
  const coordinator =
    decisions.place === 'log'
      ? await openCoordinator({ ...options, log: decisions.directory })
      : await openCoordinator({ ...options, decisions: { in: 'left', create: true } })
  tell({ type: 'ready' })
  let finishing = false
  void finishTold.promise.then(() => {
    finishing = true
  })
  const draw = drawsFrom(seed + incarnation * 7919)
  let begun = 0
  const lane = async (): Promise<void> => {
    while (!finishing) {
      begun += 1
      const id = incarnation * transfersPerWorker + begun
      await attempt({ coordinator, databases }, { ...nextTransfer(draw), id })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  await finishTold.promise
  tell({ type: 'finished' })
  await closeTold.promise
  const report = await coordinator.close()
  await Promise.all(sides.map((side) => databases[side].end()))
  const { undelivered, held } = report
  tell({ type: 'closed', undelivered: undelivered.length, held: held.length })
  // Nothing of the library may keep the process alive now: it is not told to exit.
  process.off('disconnect', abandoned)
  process.disconnect()
}

async function openDatabase(orders: WorkerOrders, side: Side): Promise<WorkerDatabase> {
  const { kind, url } = orders.databases[side]
  const open = kind === 'mysql' ? openWorkerMysql : openWorkerPostgres
  return await open({
    url,
    bank: orders.bank,
    applicationName: orders.applicationName,
    connectLimitMs: transactionTimeoutMs,
    // It goes with the bank when the run is over.
    decisionSchema: orders.bank,
    // The work's own connections, and a few for the notes of attempts.
    connectionsMax: orders.concurrency + 2,
    onSession: (number) => tell({ type: 'session', side, number }),
  })
}

interface Workshop {
  readonly coordinator: Coordinator<Readonly<Record<Side, Participant<Client>>>>
  readonly databases: Readonly<Record<Side, WorkerDatabase>>
}

async function attempt(
  workshop: Workshop,
  transfer: Transfer & { readonly id: number },
): Promise<void> {
  try {
    if (transfer.kind === 'look') return await look(workshop)
    const { notes, tables } = workshop.databases.left
    await noteAttempt(notes, tables, transfer.id)
    await carryOut(workshop, transfer)
  } catch (error) {
    if (error instanceof Overdraft || error instanceof Regret) return
    if (mustNotHappen(error)) tell({ type: 'problem', text: messageOf(error) })
    await pause(pauseAfterFailureMs)
  }
}

async function carryOut(
  { coordinator, databases }: Workshop,
  transfer: Transfer & { readonly id: number },
): Promise<void> {
  const { from, to, kind } = transfer
  // In one order for everybody: no database can see a circle of waits that runs through two.
  const places = sides.filter((side) => side === from.side || side === to.side)
  await coordinator.transaction(
    places,
    async ({ tx, ...clients }) => {
      for (const side of places) {
        const { tables, within } = databases[side]
        const queries = within(clients[side])
        await move(queries, tables, side, { ...transfer, transaction: tx.id })
      }
      if (kind === 'regret') throw new Regret('all is done, and shall be undone')
    },
    { timeoutMs: transactionTimeoutMs },
  )
}

async function look({ coordinator, databases }: Workshop): Promise<void> {
  await coordinator.transaction(
    sides,
    async (clients) => {
      for (const side of sides) {
        const { tables, within } = databases[side]
        await within(clients[side]).query(`select sum(balance) from ${tables.account}`)
      }
    },
    { timeoutMs: transactionTimeoutMs, readOnly: sides },
  )
}

/** What kills can't explain: a decision that was not kept, a log that failed, a defect. */
function mustNotHappen(error: unknown): boolean {
  if (isAssentError(error)) {
    return error.effect === 'mixed' || error.retry === 'never' || error.code === 'ASSENT_LOG_FAILED'
  }
  return (
    error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError
  )
}

function tell(message: FromWorker): void {
  process.send?.(message)
}
