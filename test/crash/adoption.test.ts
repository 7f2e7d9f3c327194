/** Processes that share a log directory: when one is killed, a sibling takes its work over. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { until } from '../harness/until.ts'
import { type CrashPoint, pointsAfterTheDecision, pointsBeforeTheDecision } from './crash-points.ts'
import { adopting, crashSuite, type Place } from './crash-suite.ts'
import { crashAt, untilStruck } from './run-crash-point.ts'
import type { WorkerProcess } from './worker-process.ts'

const [decided, undecided] = [
  'the decision is durable, no commit is sent',
  'PREPARE sent to both, no answer read',
].map((name) => {
  const points = [...pointsBeforeTheDecision, ...pointsAfterTheDecision]
  return points.find((point) => point.name === name) as CrashPoint
}) as [CrashPoint, CrashPoint]

/** Waits until the worker has taken over a dead one's log, and has given it up again, empty. */
async function untilGivenUp(worker: WorkerProcess): Promise<void> {
  await until('the log is adopted, emptied and given up', () => {
    assert.equal(worker.ending, undefined, worker.said)
    const states = worker.diary.flatMap((entry) => (entry.type === 'log' ? [entry.state] : []))
    return states.includes('adopted') && states.at(-1) === 'closed'
  })
}

/** Stops the work of all, lets somebody open each log that is free, and audits with all of them. */
async function auditAll(place: Place, workers: readonly WorkerProcess[]): Promise<void> {
  await Promise.all(workers.map((worker) => worker.ask({ ask: 'rest' })))
  const all = await place.spawnForEverySlot(workers)
  for (const worker of all) await place.untilRecovered(worker)
  await place.audit(all)
}

await crashSuite('two processes on one log directory', (suite) => {
  for (const [point, what] of [
    [decided, 'delivers the decisions of a killed process'],
    [undecided, 'rolls back what a killed process had prepared and not decided'],
  ] as const) {
    test(`a sibling ${what}, while it goes on with its own work`, async () => {
      const place = await suite.place()
      const sibling = await place.spawn(adopting).untilReady()
      await sibling.ask({ ask: 'work', concurrency: 2 })
      const subject = await crashAt(place, point)
      await untilGivenUp(sibling)
      const identity = subject.split('.')[1]
      const left = (await place.bank.prepared()).filter((gid) => gid.includes(`.${identity}.`))
      assert.deepEqual(left, [], 'nothing of the dead process is left prepared')
      const isThere = await place.bank.isInJournal('right', subject)
      assert.equal(isThere, point.ends === 'committed')
      await sibling.untilTold('it goes on with its own work', 5)
      await auditAll(place, [sibling])
    })
  }

  for (const [name, trigger, killedWhen] of [
    ['it has adopted the log, and delivered nothing', adopted(), undefined],
    ['it has committed one branch of two', sentCommit(), 'one branch is left'],
  ] as const) {
    test(`a third process goes on when the sibling is killed, too: ${name}`, async () => {
      const place = await suite.place()
      const signal = killedWhen === undefined ? 'SIGKILL' : 'SIGSTOP'
      const crash = { trigger, signal, armed: 'at open' } as const
      const sibling = await place.spawn({ ...adopting, crash }).untilReady()
      const subject = await crashAt(place, { ...decided, beside: 0 })
      await untilStruck(place, sibling, killedWhen)
      const third = await place.spawn(adopting).untilReady()
      await place.untilRecovered(third)
      const { committed } = await place.audit(await place.spawnForEverySlot([third]))
      assert.equal(committed, 1)
      assert.ok(await place.bank.isInJournal('right', subject))
    })
  }

  test('a sibling and a new process at once recover a killed one, each thing once', async () => {
    const place = await suite.place()
    const sibling = await place.spawn(adopting).untilReady()
    await sibling.ask({ ask: 'work', concurrency: 2 })
    await crashAt(place, decided)
    const fresh = await place.spawn(adopting).untilReady()
    await fresh.ask({ ask: 'work', concurrency: 2 })
    await Promise.all([sibling, fresh].map((each) => each.untilTold('both go on', 5)))
    await auditAll(place, [sibling, fresh])
  })
})

function adopted(): CrashPoint['trigger'] {
  return { on: 'event', channel: 'log', state: 'adopted' }
}

function sentCommit(): CrashPoint['trigger'] {
  return { on: 'sent', statement: 'commit prepared' }
}
