/**
 * The worker: a process of its own with a coordinator over two real databases, which the tests kill.
 * It is told what to do by its environment and by messages, and ends when its test does.
 */
import { subscribe } from 'node:diagnostics_channel'

import { isAssentError, openCoordinator, type StateChange } from '../../../src/index.ts'
import { nodeDisk } from '../../../src/node/disk.ts'
import { CrashWatch } from './crash-watch.ts'
import { Diary } from './diary.ts'
import { openOnWatchedDisk } from './open-on-watched-disk.ts'
import {
  type Pending,
  type Question,
  type Side,
  settingsVariable,
  type WorkerSettings,
} from './settings.ts'
import { keepOpen } from './socket-keeper.ts'
import { openWorkerStore } from './stores/open.ts'
import type { WorkerStore } from './stores/store.ts'
import { type Bank, Transfers } from './transfers.ts'
import { DiskWatch, watchedDisk } from './watched-disk.ts'
import { WatchedSocket } from './watched-socket.ts'

/** Everything that happens by the clock happens soon: a test waits for it. */
const brisk = {
  backOffFirstMs: 20,
  backOffMaxMs: 200,
  sweepIntervalMs: 100,
  orphanIntervalMs: 100,
  adoptIntervalMs: 100,
  checkIntervalMs: 50,
}

const settings = JSON.parse(process.env[settingsVariable] ?? '') as WorkerSettings
const diary = new Diary(settings.diary)
const watch = new CrashWatch(settings.crash, diary)
const diskWatch = new DiskWatch(watch)

function store(side: Side): WorkerStore {
  const { session, answerTimeoutMs = 10_000, lastResource = false } = settings
  const { kind, url } = settings.stores[side]
  return openWorkerStore(kind, {
    url,
    session,
    connectionsMax: 12,
    answerTimeoutMs,
    lastResource: lastResource && side === 'right',
    decisionSchema: settings.decisions,
    socketFor: (forms) => {
      const socket = new WatchedSocket(watch, forms)
      if (settings.sessionsOutliveIt === true) keepOpen(socket, diary)
      return socket
    },
  })
}

async function open(stores: Stores): Promise<Bank> {
  const { log, decisions, segmentBytes, timeoutMs = 20_000 } = settings
  const { settleWaitMs = 10_000, answerTimeoutMs = 10_000 } = settings
  const options = {
    ...brisk,
    name: 'crash',
    timeoutMs,
    settleWaitMs,
    deliveryTimeoutMs: answerTimeoutMs,
    resources: { left: stores.left.participant, right: stores.right.participant },
  }
  if (decisions !== undefined) {
    const place = { in: 'left', create: true } as const
    return await openCoordinator({ ...options, decisions: place })
  }
  if (segmentBytes === undefined) return await openCoordinator({ ...options, log })
  const disk = watchedDisk(nodeDisk(), diskWatch)
  return await openOnWatchedDisk(disk, { ...options, log, segmentBytes })
}

type Stores = Readonly<Record<Side, WorkerStore>>

/** A database that keeps the decisions has to be there; whoever starts processes tries again. */
async function openInTheEnd(): Promise<{ readonly bank: Bank; readonly stores: Stores }> {
  for (;;) {
    const stores = { left: store('left'), right: store('right') }
    try {
      return { bank: await open(stores), stores }
    } catch (error) {
      const isAnotherTime = settings.decisions !== undefined && isAssentError(error)
      if (!isAnotherTime || error.retry !== 'safe') throw error
    }
  }
}

function pending(bank: Bank): Pending {
  return {
    log: bank.log,
    adopted: bank.logs.slice(1),
    transactions: bank.transactions(),
    orphans: bank.orphans().map(({ id, resource, ours }) => ({ id, resource, ours })),
  }
}

async function answer(bank: Bank, transfers: Transfers, question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'transfer':
      return await transfers.runSubject(question.kind)
    case 'work':
      return await transfers.goOn(question.concurrency)
    case 'rest':
      return await transfers.rest()
    case 'pending':
      return pending(bank)
    case 'outcomes':
      return await Promise.all(question.ids.map((id) => bank.outcome(id)))
    case 'resolve':
      return await bank.resolve(question.id, question.decision, {
        by: 'the test',
        reason: 'it has looked into both databases',
      })
    case 'break the disk':
      diskWatch.fault = question.fault
      return undefined
    case 'disk calls':
      return diskWatch.calls
    case 'close':
      return await bank.close()
  }
}

subscribe('assent:log', (message) => {
  const { state, log } = message as Extract<StateChange, { type: 'log' }>
  diary.note({ type: 'log', state, log })
})
process.once('disconnect', () => process.exit(0))
const { bank, stores } = await openInTheEnd()
const transfers = new Transfers({ bank, stores, diary, watch, settings })
process.on('message', (message: { readonly number: number; readonly question: Question }) => {
  const { number, question } = message
  answer(bank, transfers, question).then(
    (result) => process.send?.({ number, result }),
    (error: unknown) => process.send?.({ number, failure: String(error) }),
  )
})
process.send?.({ ready: true })
