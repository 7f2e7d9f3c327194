/** Databases that are killed, cut off or hang, in the middle of transactions, and come back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { until } from '../harness/until.ts'
import { type CrashPoint, pointsAfterTheDecision } from './crash-points.ts'
import type { CrashSuite, Place } from './crash-suite.ts'
import { lostAfterTheDecision, lostBeforeTheDecision } from './lost-machines.ts'
import { crashAt } from './run-crash-point.ts'
import { checkEnd, decided, deciding, restart, type Stopped, stopAt } from './stopped-worker.ts'
import type { Side, Told, Trigger } from './worker/settings.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface DatabaseFailure {
  readonly name: string
  /** What the database does there is the point: the short run has it for every pair. */
  readonly ofTheDatabase?: true
  readonly run: (suite: CrashSuite) => Promise<void>
}

export const databaseFailures: readonly DatabaseFailure[] = [
  {
    name: 'one killed and restarted under load',
    run: (suite) => killedUnderLoad(suite, ['right']),
  },
  {
    name: 'both killed and restarted under load',
    ofTheDatabase: true,
    run: (suite) => killedUnderLoad(suite, ['left', 'right']),
  },
  {
    name: 'both killed and restarted between prepare and decision',
    run: killedBeforeTheDecision,
  },
  {
    name: 'one killed between decision and commit, and down for longer than a caller waits',
    ofTheDatabase: true,
    run: downAfterTheDecision,
  },
  {
    name: 'a connection cut between prepare and commit',
    ofTheDatabase: true,
    run: cutAfterPrepare,
  },
  {
    name: 'connections cut when PREPARE was done and its answer not read',
    ofTheDatabase: true,
    run: cutWithinPrepare,
  },
  {
    name: 'connections cut when the commit was done and its answer not read',
    ofTheDatabase: true,
    run: cutWithinCommit,
  },
  {
    name: 'both killed and restarted when the commit was done and its answer not read',
    run: killedWithinCommit,
  },
  {
    name: 'both killed and restarted when a rollback was acknowledged, which need not be durable',
    ofTheDatabase: true,
    run: killedAfterRollback,
  },
  {
    name: 'a worker and a database killed at once; the worker is back first',
    ofTheDatabase: true,
    run: killedWithTheWorker,
  },
  {
    name: 'sessions that stay when the machine of a worker is lost, after the decision',
    ofTheDatabase: true,
    run: lostAfterTheDecision,
  },
  {
    name: 'sessions that stay when the machine of a worker is lost, before the decision',
    ofTheDatabase: true,
    run: lostBeforeTheDecision,
  },
  {
    name: 'a worker and both databases killed under load, and all back at once',
    run: allKilledUnderLoad,
  },
  {
    name: 'a database that hangs for longer than a transaction may last',
    run: hanging,
  },
]

/** A test for each. */
export function testDatabaseFailures(
  suite: CrashSuite,
  failures: readonly DatabaseFailure[],
): void {
  for (const { name, run } of failures) test(name, () => run(suite))
}

async function killedUnderLoad(suite: CrashSuite, failed: readonly Side[]): Promise<void> {
  const place = await suite.place()
  const worker = await place.spawn({ settleWaitMs: 500 }).untilReady()
  await worker.ask({ ask: 'work', concurrency: 6 })
  const servers = await Promise.all(failed.map((side) => suite.server(side)))
  for (let round = 0; round < 2; round += 1) {
    await worker.untilTold('it works', 10)
    await Promise.all(servers.map((server) => server.kill()))
    await until('a caller is told that it failed', () =>
      worker.told.slice(-6).some(({ told }) => told.result === 'failed'),
    )
    await Promise.all(servers.map((server) => server.start()))
    await until('transfers commit again', () =>
      worker.told.slice(-6).some(({ told }) => told.result === 'committed'),
    )
  }
  await checkEnd(place, worker)
}

async function killedBeforeTheDecision(suite: CrashSuite): Promise<void> {
  const { place, worker, told } = await stopAt(suite, deciding)
  await restart(suite, 'left', 'right')
  worker.signal('SIGCONT')
  assert.deepEqual(await told, { result: 'committed' })
  await checkEnd(place, worker)
}

async function downAfterTheDecision(suite: CrashSuite): Promise<void> {
  const { place, worker, subject, told } = await stopAt(suite, decided, { settleWaitMs: 300 })
  const right = await suite.server('right')
  await right.kill()
  worker.signal('SIGCONT')
  assert.deepEqual(await told, { result: 'committed' }, 'it is decided, and will happen')
  const [waiting] = (await worker.ask({ ask: 'pending' })).transactions
  assert.equal(waiting?.id, subject)
  assert.deepEqual([waiting.state, waiting.waits], ['committing', true])
  await right.start()
  await checkEnd(place, worker)
  assert.ok(await place.bank.isInJournal('right', subject))
}

async function cutAfterPrepare(suite: CrashSuite): Promise<void> {
  const { place, worker, told } = await stopAt(suite, deciding)
  assert.ok((await place.bank.endSessionsOf(worker.session, 'right')) > 0)
  worker.signal('SIGCONT')
  assert.deepEqual(await told, { result: 'committed' })
  await checkEnd(place, worker)
}

async function cutWithinPrepare(suite: CrashSuite): Promise<void> {
  const { place, worker, subject, told } = await stopAt(suite, {
    on: 'sent',
    statement: 'prepare',
    nth: 2,
  })
  await until('both are prepared', async () => {
    const prepared = await place.bank.prepared()
    return prepared.filter((gid) => gid.includes(subject)).length === 2
  })
  await cutBoth(place, worker)
  worker.signal('SIGCONT')
  const end = await told
  assert.ok(end.result === 'committed' || end.effect === 'none', JSON.stringify(end))
  await checkEnd(place, worker)
}

async function cutWithinCommit(suite: CrashSuite): Promise<void> {
  const stopped = await stopAfterCommit(suite)
  await cutBoth(stopped.place, stopped.worker)
  await checkCommitted(stopped)
}

async function killedWithinCommit(suite: CrashSuite): Promise<void> {
  const stopped = await stopAfterCommit(suite)
  await restart(suite, 'left', 'right')
  await checkCommitted(stopped)
}

/** MariaDB has the branch prepared once more then: absence has to say the same to it again. */
async function killedAfterRollback(suite: CrashSuite): Promise<void> {
  const rolledBack: Trigger = { on: 'event', channel: 'transaction', state: 'aborted' }
  const { place, worker, told } = await stopAt(suite, rolledBack, {}, 'refused')
  await restart(suite, 'left', 'right')
  worker.signal('SIGCONT')
  const end = await told
  assert.ok(end.result === 'failed' && end.effect === 'none', JSON.stringify(end))
  await checkEnd(place, worker)
}

/** Both databases have committed, and the worker has read no answer. */
async function stopAfterCommit(suite: CrashSuite): Promise<Stopped> {
  const sentToBoth: Trigger = { on: 'sent', statement: 'commit prepared', nth: 2 }
  const stopped = await stopAt(suite, sentToBoth)
  const { bank } = stopped.place
  await until('both have committed', async () => (await bank.prepared()).length === 0)
  return stopped
}

async function checkCommitted({ place, worker, subject, told }: Stopped): Promise<void> {
  worker.signal('SIGCONT')
  assert.deepEqual(await told, { result: 'committed' })
  await checkEnd(place, worker)
  assert.ok(await place.bank.isInJournal('left', subject))
}

async function cutBoth({ bank }: Place, { session }: WorkerProcess): Promise<void> {
  await bank.endSessionsOf(session, 'left')
  await bank.endSessionsOf(session, 'right')
}

async function killedWithTheWorker(suite: CrashSuite): Promise<void> {
  const place = await suite.place()
  const right = await suite.server('right')
  const point = pointsAfterTheDecision[0] as CrashPoint
  const subject = await crashAt(place, point)
  await right.kill()
  const worker = await place.spawn().untilReady()
  await until('the database that is up gets its commit', () =>
    place.bank.isInJournal('left', subject),
  )
  const { transactions } = await worker.ask({ ask: 'pending' })
  assert.ok(transactions.some(({ id, waits }) => id === subject && waits))
  await right.start()
  await checkEnd(place, worker)
  assert.ok(await place.bank.isInJournal('right', subject))
}

async function allKilledUnderLoad(suite: CrashSuite): Promise<void> {
  const place = await suite.place()
  const first = await place.spawn().untilReady()
  await first.ask({ ask: 'work', concurrency: 6 })
  await first.untilTold('it works', 20)
  first.signal('SIGKILL')
  await restart(suite, 'left', 'right')
  await first.untilDead()
  const second = await place.spawn().untilReady()
  await checkEnd(place, second)
}

async function hanging(suite: CrashSuite): Promise<void> {
  const place = await suite.place()
  const options = { timeoutMs: 300, settleWaitMs: 300, answerTimeoutMs: 500 }
  const worker = await place.spawn(options).untilReady()
  await worker.ask({ ask: 'work', concurrency: 4 })
  const right = await suite.server('right')
  await right.suspend()
  try {
    const before = worker.told.length
    await until('callers are told that nothing happened', () =>
      worker.told
        .slice(before)
        .some(({ told }) => told.result === 'failed' && told.effect === 'none'),
    )
  } finally {
    await right.resume()
  }
  const isCommitted = (told: Told): boolean => told.result === 'committed'
  const before = worker.told.filter(({ told }) => isCommitted(told)).length
  await until(
    'transfers commit again',
    () => worker.told.filter(({ told }) => isCommitted(told)).length > before,
  )
  await checkEnd(place, worker)
}
