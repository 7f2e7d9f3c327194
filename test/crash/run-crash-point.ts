/** Runs one crash point: to the moment, to the death, through recovery, to the audit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { until } from '../harness/until.ts'
import type { Bank } from './bank.ts'
import type { Arrival, CrashPoint } from './crash-points.ts'
import type { CrashSuite, Place, WorkerOptions } from './crash-suite.ts'
import type { LogFilePoint, RecoveryPoint } from './recovery-points.ts'
import type { WorkerProcess } from './worker-process.ts'

/** Files of the log of this size make their ends, and the next one, come soon. */
export const smallSegmentBytes = 16 * 1024

/** A test for each point. */
export function testCrashPoints(suite: CrashSuite, points: readonly CrashPoint[]): void {
  const right = suite.kindOf('right')
  for (const point of points) {
    if (point.rightIs !== undefined && point.rightIs !== right) continue
    test(`survives SIGKILL: ${point.name}`, async () => {
      const place = await suite.place()
      await explained(point, async () => {
        const subject = await crashAt(place, point)
        await recover(place, point, subject)
      })
    })
  }
}

/** A test for each point: a first worker dies, a second one while it recovers, a third one does it. */
export function testRecoveryPoints(
  suite: CrashSuite,
  points: readonly RecoveryPoint[],
  firsts: readonly CrashPoint[],
): void {
  for (const point of points) {
    const found = firsts.find(({ name }) => name === point.first)
    assert.ok(found !== undefined, `there is no crash point ${point.first}`)
    const first = { ...found, beside: 0 }
    test(`survives a second SIGKILL, in recovery: ${point.name}`, async () => {
      const place = await suite.place()
      await explained(point, () => crashTwice(place, first, point))
    })
  }
}

async function crashTwice(place: Place, first: CrashPoint, point: RecoveryPoint): Promise<void> {
  const subject = await crashAt(place, first)
  const { trigger, killedWhen } = point
  const signal = killedWhen === undefined ? 'SIGKILL' : 'SIGSTOP'
  const second = place.spawn({
    ...optionsOf({ ...first, trigger }),
    crash: { trigger, signal, armed: 'at open' },
  })
  const decision = first.operatorSays
  if (decision !== undefined) {
    await second.untilReady()
    second.tell({ ask: 'resolve', id: subject, decision })
  }
  await untilStruck(place, second, killedWhen)
  // The operator has spoken: the third one needs no second word.
  const { operatorSays: _, ...told } = first
  await recover(place, told, subject)
}

/** A test for each point: the log's files change under load, until one change is the last. */
export function testLogFilePoints(suite: CrashSuite, points: readonly LogFilePoint[]): void {
  for (const point of points) {
    test(`survives SIGKILL under load: ${point.name}`, async () => {
      const place = await suite.place()
      await explained(point, () => crashUnderLoad(place, point))
    })
  }
}

async function crashUnderLoad(place: Place, { trigger }: LogFilePoint): Promise<void> {
  const worker = place.spawn({
    segmentBytes: smallSegmentBytes,
    crash: { trigger, signal: 'SIGKILL', armed: 'at open' },
  })
  await worker.untilReady()
  worker.tell({ ask: 'work', concurrency: 4 })
  await untilStruck(place, worker, undefined)
  const next = await place.spawn({ segmentBytes: smallSegmentBytes }).untilReady()
  await place.untilRecovered(next)
  const { committed } = await place.audit(next)
  assert.ok(committed > 10, `only ${committed} transactions had committed`)
}

/** A failure says where it was, and what could have gone wrong there. */
async function explained(
  { where, race }: Pick<CrashPoint, 'where' | 'race'>,
  body: () => Promise<void>,
): Promise<void> {
  try {
    await body()
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${said}\nat: ${where}\nrace: ${race}`, { cause })
  }
}

/** Kills a worker at the point; answers the id of the transaction that was at it. */
export async function crashAt(place: Place, point: CrashPoint): Promise<string> {
  const { trigger, killedWhen, beside = 0, kind } = point
  const signal = killedWhen === undefined ? 'SIGKILL' : 'SIGSTOP'
  const worker = place.spawn({
    ...optionsOf(point),
    crash: { trigger, signal, armed: 'for the subject' },
  })
  await worker.untilReady()
  if (beside > 0) await worker.ask({ ask: 'work', concurrency: beside })
  worker.tell({ ask: 'transfer', kind })
  const subject = await untilStruck(place, worker, killedWhen)
  assert.ok(subject !== undefined, 'the crash point tells which transaction was at it')
  return subject
}

/** Waits until the worker has come to its crash point and has died there; the transaction's id. */
export async function untilStruck(
  place: Place,
  worker: WorkerProcess,
  killedWhen: Arrival | undefined,
): Promise<string | undefined> {
  await until('the worker comes to its crash point', () => {
    if (worker.reached !== undefined) return true
    assert.equal(worker.ending, undefined, `it died elsewhere: ${worker.said}`)
    const past = worker.diary.find((entry) => entry.type === 'passed')
    assert.ok(past === undefined, `it went by its crash point: ${JSON.stringify(past)}`)
    return false
  })
  const id = worker.subject
  if (killedWhen !== undefined) {
    await until(`${killedWhen} of ${id}`, () => hasArrived(place.bank, killedWhen, id ?? ''))
    worker.signal('SIGKILL')
  }
  const ending = await worker.untilDead()
  assert.deepEqual(ending, { code: null, signal: 'SIGKILL' }, `it died there: ${worker.said}`)
  return id
}

/** Starts another worker on the log, and checks that all is as it must be. */
async function recover(place: Place, point: CrashPoint, subject: string): Promise<void> {
  const worker = await place.spawn(optionsOf(point)).untilReady()
  if (point.operatorSays !== undefined) {
    await untilHeld(place, worker, subject)
    await worker.ask({ ask: 'resolve', id: subject, decision: point.operatorSays })
  }
  await place.untilRecovered(worker)
  await place.audit(worker, point.mayBeUnknown === true ? [point.kind] : [])
  await checkEnd(place, worker, point, subject)
  const { undelivered, held } = await worker.close()
  assert.deepEqual({ undelivered, held }, { undelivered: [], held: [] })
}

/** Neither committed nor rolled back: it stays prepared until somebody knows. */
async function untilHeld(place: Place, worker: WorkerProcess, subject: string): Promise<void> {
  const { transactions } = await worker.ask({ ask: 'pending' })
  const found = transactions.find(({ id }) => id === subject)
  assert.equal(found?.state, 'held', JSON.stringify(transactions))
  assert.equal((await place.bank.prepared()).length, 1, 'the prepared branch waits')
  assert.deepEqual(await worker.ask({ ask: 'outcomes', ids: [subject] }), ['unknown'])
}

async function checkEnd(
  place: Place,
  worker: WorkerProcess,
  point: CrashPoint,
  subject: string,
): Promise<void> {
  const [outcome] = await worker.ask({ ask: 'outcomes', ids: [subject] })
  const expected = point.ends === 'either way' ? ['committed', 'aborted'] : [point.ends]
  const allowed = point.mayBeUnknown === true ? [...expected, 'unknown'] : expected
  assert.ok(allowed.includes(outcome ?? ''), `it ended ${outcome}, not ${allowed.join(' or ')}`)
  if (point.kind === 'reading') return
  const isThere = await place.bank.isInJournal('left', subject)
  const isCommitted = point.ends === 'either way' ? outcome === 'committed' : undefined
  assert.equal(isThere, isCommitted ?? point.ends === 'committed', 'the data say how it ended')
}

function optionsOf({ trigger, form, lastResource = false }: CrashPoint): WorkerOptions {
  const segmentBytes = trigger.on === 'disk' ? { segmentBytes: smallSegmentBytes } : {}
  return { lastResource, forms: [form ?? 'callback'], ...segmentBytes }
}

async function hasArrived(bank: Bank, arrival: Arrival, id: string): Promise<boolean> {
  const branches = (await bank.prepared()).filter((gid) => gid.includes(`assent.${id}.`))
  switch (arrival) {
    case 'one branch is prepared':
    case 'one branch is left':
      return branches.length === 1
    case 'both branches are prepared':
      return branches.length === 2
    case 'no branch is left':
      return branches.length === 0
    case 'it is in the journal':
      return (await bank.isInJournal('left', id)) || (await bank.isInJournal('right', id))
  }
}
