/**
 * A disk that fails under the log of a real process (A11): it decides nothing more, tells nobody
 * what it does not know, never syncs again, and nothing that was decided is lost.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'

import { until } from '../harness/until.ts'
import { type CrashSuite, crashSuite, type Place, type WorkerOptions } from './crash-suite.ts'
import { smallSegmentBytes } from './run-crash-point.ts'
import { SmallFileSystem } from './small-file-system.ts'
import type { DiskFault } from './worker/settings.ts'
import type { WorkerProcess } from './worker-process.ts'

const roomBytes = 256 * 1024
const onWatchedDisk: WorkerOptions = { segmentBytes: smallSegmentBytes }

await crashSuite('a disk that fails under the log', (suite) => {
  test('full: a file system of its own, or a fault of the port where none can be mounted', (t) =>
    onFullDisk(suite, t))

  test('the write of a decision fails: nobody can tell, and the restart rolls it back', async () => {
    await failInDecision(suite, { operation: 'write', code: 'EIO' }, 'aborted')
  })

  test('the sync of a decision fails: nobody can tell, and the restart reads it', async () => {
    await failInDecision(suite, { operation: 'sync', code: 'EIO' }, 'committed')
  })

  test('a decision that was durable before is delivered all the same', async () => {
    const place = await suite.place()
    const right = await suite.server('right')
    const worker = await place
      .spawn({
        ...onWatchedDisk,
        settleWaitMs: 200,
        crash: {
          trigger: { on: 'event', channel: 'transaction', state: 'committing' },
          signal: 'SIGSTOP',
          armed: 'for the subject',
        },
      })
      .untilReady()
    const told = worker.ask({ ask: 'transfer', kind: 'transfer' })
    const subject = await worker.untilStopped()
    await right.kill()
    worker.signal('SIGCONT')
    assert.deepEqual(await told, { result: 'committed' })
    await worker.ask({ ask: 'break the disk', fault: { operation: 'write', code: 'EIO' } })
    const other = await worker.ask({ ask: 'transfer', kind: 'one-phase' })
    assert.ok(other.result === 'failed' && other.code === 'ASSENT_LOG_FAILED', other.result)
    await right.start()
    await until('the process whose log has failed delivers it', () =>
      place.bank.isInJournal('right', subject),
    )
    await restartAndAudit(place, worker)
  })
})

/** The log's room runs out under load, is given back, and another process goes on. */
async function onFullDisk(suite: CrashSuite, t: TestContext): Promise<void> {
  const disk = await SmallFileSystem.mount(roomBytes)
  const how = disk === undefined ? 'a fault of the disk port: no mount here' : 'a full tmpfs'
  t.diagnostic(`the disk is full by ${how}`)
  const place = await suite.place(disk?.directory)
  // What waits for the rows of a transaction in doubt waits until its own time is over.
  const worker = await place.spawn({ ...onWatchedDisk, timeoutMs: 1_000 }).untilReady()
  try {
    await worker.ask({ ask: 'work', concurrency: 6 })
    await worker.untilTold('it works', 10)
    if (disk === undefined) await breakDisk(worker, { operation: 'create', code: 'ENOSPC' })
    await until('the log has failed, and says so', async () => {
      await disk?.fill()
      return worker.told.some(
        ({ told }) => told.result === 'failed' && told.code === 'ASSENT_LOG_FAILED',
      )
    })
    await worker.ask({ ask: 'rest' })
    await checkStopped(place, worker)
    await disk?.free()
    const { committed } = await restartAndAudit(place, worker)
    assert.ok(committed >= 10)
  } finally {
    await worker.remove()
    await disk?.remove()
  }
}

/** The very write that carries a decision fails, and another process finds out how it ended. */
async function failInDecision(
  suite: CrashSuite,
  fault: DiskFault,
  ends: 'committed' | 'aborted',
): Promise<void> {
  const place = await suite.place()
  const worker = await place.spawn(onWatchedDisk).untilReady()
  // Nothing before it: a lazy record of another transfer might meet the fault first.
  await breakDisk(worker, fault)
  const told = await worker.ask({ ask: 'transfer', kind: 'transfer' })
  assert.ok(told.result === 'failed', 'nobody may be told that it is committed')
  assert.deepEqual([told.code, told.effect], ['ASSENT_OUTCOME_UNKNOWN', 'unknown'])
  const { transactions } = await worker.ask({ ask: 'pending' })
  assert.deepEqual(
    transactions.map(({ state }) => state),
    ['in-doubt'],
  )
  assert.equal((await place.bank.prepared()).length, 2, 'its branches wait')
  await checkStopped(place, worker)
  const subject = transactions[0]?.id ?? ''
  await restartAndAudit(place, worker)
  assert.equal(await place.bank.isInJournal('left', subject), ends === 'committed')
}

async function breakDisk(worker: WorkerProcess, fault: DiskFault): Promise<void> {
  await worker.ask({ ask: 'break the disk', fault })
}

/** It takes nothing more, syncs nothing more, and leaves prepared only what is in doubt. */
async function checkStopped(place: Place, worker: WorkerProcess): Promise<void> {
  const before = await worker.ask({ ask: 'disk calls' })
  for (let count = 0; count < 3; count += 1) {
    const refused = await worker.ask({ ask: 'transfer', kind: 'transfer' })
    assert.ok(refused.result === 'failed')
    assert.deepEqual([refused.code, refused.effect], ['ASSENT_LOG_FAILED', 'none'])
  }
  await until('what was not decided is rolled back, and what is in doubt is not', async () => {
    const { transactions } = await worker.ask({ ask: 'pending' })
    const prepared = await place.bank.prepared()
    const isInDoubt = (gid: string): boolean =>
      transactions.some(({ id, state }) => state === 'in-doubt' && gid.includes(`.${id}.`))
    return prepared.every(isInDoubt) && transactions.every(({ state }) => state === 'in-doubt')
  })
  const { sync, write } = await worker.ask({ ask: 'disk calls' })
  assert.deepEqual({ sync, write }, { sync: before.sync, write: before.write })
}

/** Ends the process in order, opens the log anew on a disk that works, and audits. */
async function restartAndAudit(
  place: Place,
  worker: WorkerProcess,
): Promise<{ readonly committed: number }> {
  const { clean } = await worker.close()
  assert.equal(clean, false, 'it knows that something may be left')
  const next = await place.spawn(onWatchedDisk).untilReady()
  await place.untilRecovered(next)
  return await place.audit(next)
}
