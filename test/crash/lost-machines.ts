/**
 * A machine that is lost with the worker on it: the servers are not told, and keep its sessions.
 *
 * MariaDB lets nobody else finish a branch while the session lives that prepared it, and answers as if
 * there were none (MY-2): as long as that is not overcome, nothing may be called finished.
 */
import assert from 'node:assert/strict'

import { until } from '../harness/until.ts'
import type { CrashSuite } from './crash-suite.ts'
import { checkEnd, decided, deciding, type Stopped, stopAt } from './stopped-worker.ts'
import { sides, type Trigger } from './worker/settings.ts'

export async function lostAfterTheDecision(suite: CrashSuite): Promise<void> {
  const { place, worker: lost, subject } = await lose(suite, decided)
  const worker = await place.spawn().untilReady()
  await until('it says that everything is delivered', async () => {
    const { transactions } = await worker.ask({ ask: 'pending' })
    return transactions.length === 0
  })
  for (const side of sides) {
    assert.ok(await place.bank.isInJournal(side, subject), `it is committed in ${side}`)
  }
  lost.letGoOfSessions()
  await checkEnd(place, worker)
}

export async function lostBeforeTheDecision(suite: CrashSuite): Promise<void> {
  const { place, worker: lost, subject } = await lose(suite, deciding)
  const worker = await place.spawn().untilReady()
  await until('each of its branches is rolled back, or listed', async () => {
    const branches = (await place.bank.prepared()).filter((branch) => branch.includes(subject))
    const { orphans } = await worker.ask({ ask: 'pending' })
    return branches.every((branch) => orphans.some(({ id, ours }) => ours && branch.endsWith(id)))
  })
  lost.letGoOfSessions()
  await checkEnd(place, worker)
  assert.equal(await place.bank.isInJournal('right', subject), false)
}

async function lose(suite: CrashSuite, trigger: Trigger): Promise<Stopped> {
  const stopped = await stopAt(suite, trigger, { sessionsOutliveIt: true })
  stopped.told.catch(() => undefined) // nobody will ever tell
  stopped.worker.signal('SIGKILL')
  await stopped.worker.untilDead()
  return stopped
}
