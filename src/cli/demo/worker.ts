/**
 * The worker process of the demo: moves money through a coordinator, as an application would, until
 * it is told to finish, or killed.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { messageOf } from '../../core/errors.ts'
import { type Coordinator, isAssentError, openCoordinator, type Participant } from '../../index.ts'
import {
  type Attempt,
  type Form,
  type Forms,
  isRefusal,
  move,
  noteAttempt,
  Overdraft,
  statementsOf,
} from './bank.ts'
import type { Client, Statement, Tables, WorkerDatabase } from './database.ts'
import { openWorkerMysql } from './mysql-database.ts'
import { drawsFrom, nextTransfer, type Side, sides } from './plan.ts'
import { openWorkerPostgres } from './postgres-database.ts'
import type { FromWorker, ToWorker, WorkerOrders } from './worker-messages.ts'

/** Ids of one worker's transfers; with the incarnation they stay below 2^53. */
const transfersPerWorker = 1_000_000_000
const transactionTimeoutMs = 4_000
const atOnceTimeoutMs = 1_000
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
  const { name, decisions, concurrency, forms, seed, incarnation } = orders
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
      const form = formOf(forms, begun)
      await attempt({ coordinator, databases }, { ...nextTransfer(draw), id, form })
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

function formOf(forms: Forms, nth: number): Form {
  if (forms !== 'mixed') return forms
  return nth % 2 === 0 ? 'execute' : 'callback'
}

async function attempt(workshop: Workshop, given: Attempt): Promise<void> {
  const isByExecute = given.form === 'execute'
  try {
    if (given.kind === 'look') return await look(workshop, given)
    const { notes, tables } = workshop.databases.left
    await noteAttempt(notes, tables, given.id)
    await (isByExecute ? carryOutAtOnce(workshop, given) : carryOut(workshop, given))
  } catch (error) {
    if (error instanceof Overdraft || error instanceof Regret) return
    if (isByExecute && isRefusal(error)) return
    if (mustNotHappen(error)) tell({ type: 'problem', text: messageOf(error) })
    await pause(pauseAfterFailureMs)
  }
}

async function carryOut({ coordinator, databases }: Workshop, given: Attempt): Promise<void> {
  // In one order for everybody: no database can see a circle of waits that runs through two.
  const places = placesOf(given)
  await coordinator.transaction(
    places,
    async ({ tx, ...clients }) => {
      for (const side of places) {
        const { tables, within } = databases[side]
        await move(within(clients[side]), tables, side, given, tx.id)
      }
      if (given.kind === 'regret') throw new Regret('all is done, and shall be undone')
    },
    { timeoutMs: transactionTimeoutMs },
  )
}

/** All databases are asked at once: there a circle of waits ends with somebody's time. */
async function carryOutAtOnce({ coordinator, databases }: Workshop, given: Attempt): Promise<void> {
  await coordinator.execute(
    ({ id }) =>
      batchesAt(placesOf(given), databases, (tables, side) =>
        statementsOf(tables, side, given, id),
      ),
    { timeoutMs: atOnceTimeoutMs },
  )
}

async function look(workshop: Workshop, { form }: Attempt): Promise<void> {
  const { coordinator, databases } = workshop
  const options = { timeoutMs: transactionTimeoutMs, readOnly: sides }
  const sumOf = ({ account }: Tables): Statement => [`select sum(balance) from ${account}`, []]
  if (form === 'execute') {
    await coordinator.execute(
      batchesAt(sides, databases, (tables) => [sumOf(tables)]),
      options,
    )
    return
  }
  await coordinator.transaction(
    sides,
    async (clients) => {
      for (const side of sides) {
        const { tables, within } = databases[side]
        await within(clients[side]).query(...sumOf(tables))
      }
    },
    options,
  )
}

function placesOf({ from, to }: Attempt): readonly Side[] {
  return sides.filter((side) => side === from.side || side === to.side)
}

type Batches = Readonly<Partial<Record<Side, readonly Statement[]>>>

/** What is to be run at these places, as their drivers want it. */
function batchesAt(
  places: readonly Side[],
  databases: Workshop['databases'],
  statementsAt: (tables: Tables, side: Side) => readonly Statement[],
): Batches {
  const batches = places.map((side) => {
    const { tables, write } = databases[side]
    const statements = statementsAt(tables, side)
    return [side, statements.map(([text, values]): Statement => [write(text), values])] as const
  })
  return Object.fromEntries(batches)
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
