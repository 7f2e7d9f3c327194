import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { DecisionLog } from '../../src/log/contract.ts'
import { contentsOf, Machine } from './machine.ts'
import { decided, force, intent, settled } from './records.ts'

const kib = 1024
const hourMs = 3_600_000

/** Commits and settles transactions, ten at a time. */
async function commit(machine: Machine, log: DecisionLog, from: number, to: number): Promise<void> {
  for (let counter = from; counter <= to; counter += 10) {
    const waiting: Promise<void>[] = []
    for (let each = counter; each < counter + 10; each += 1) {
      const record = decided(log.epoch, each, 'committed', { wallMs: machine.wallMs })
      waiting.push(force(log, record).then(() => log.append(settled(log.epoch, each))))
    }
    await machine.run(Promise.all(waiting))
  }
}

function fileCount(machine: Machine): number {
  return [...contentsOf(machine.disk).keys()].filter((path) => /\d{12}/.test(path)).length
}

describe('the size of a log', () => {
  test('follows what is live, not what went by; the cost of a transaction stays the same', async () => {
    const machine = new Machine()
    const log = await machine.run(machine.logs().open())
    await machine.run(Promise.all([force(log, decided(1, 1)), force(log, intent(1, 2))]))
    let written = 0
    machine.disk.fault = ({ kind }) => {
      if (kind === 'write') written += 1
      return undefined
    }
    const costs: number[] = []
    let from = 11
    for (const to of [2_000, 4_000, 20_000]) {
      written = 0
      await commit(machine, log, from, to)
      costs.push(written / (to - from + 1))
      from = to + 1
      assert.ok(log.statistics().bytesOnDisk < 120 * kib, `${log.statistics().bytesOnDisk} bytes`)
      assert.ok(fileCount(machine) <= 8, `${fileCount(machine)} files`)
    }
    const [first = 0, , last = 0] = costs
    assert.ok(last < first * 1.2, `${costs} writes a transaction`)
    await machine.settle()
    assert.equal(log.statistics().retainedOutcomes, 19_990)
    const used = [...machine.disk.files()].filter(([path]) => /\d{12}/.test(path))
    const usedBytes = used.reduce((sum, [, file]) => sum + file.sizeBytes, 0)
    assert.equal(log.statistics().bytesOnDisk, usedBytes)
    assert.deepEqual(
      log.unfinished().map(({ transaction }) => transaction.counter),
      [1, 2],
    )
    machine.powerLoss()
    const again = await machine.run(machine.logs().open())
    assert.deepEqual(again.recovered[0]?.decided, decided(1, 1))
    assert.deepEqual(again.recovered[1]?.intent, intent(1, 2))
    assert.equal(again.outcome({ epoch: 1, counter: 20_000 }), 'committed')
    assert.equal(again.outcome({ epoch: 1, counter: 20_001 }), 'absent')
  })

  test('follows a backlog, and falls when it is delivered', async () => {
    const machine = new Machine()
    const log = await machine.run(machine.logs().open())
    const waiting = Array.from({ length: 3000 }, (_, index) => force(log, decided(1, index + 1)))
    await machine.run(Promise.all(waiting))
    await commit(machine, log, 5001, 7000)
    await machine.settle()
    assert.equal(log.unfinished().length, 3000)
    const high = log.statistics().bytesOnDisk
    for (let counter = 1; counter <= 3000; counter += 1) log.append(settled(1, counter))
    await commit(machine, log, 7001, 14_000)
    await machine.settle()
    assert.ok(log.statistics().bytesOnDisk < high / 2, `${log.statistics().bytesOnDisk} of ${high}`)
  })

  test('does not grow with openings', async () => {
    const machine = new Machine()
    for (let opening = 1; opening <= 60; opening += 1) {
      const log = await machine.run(machine.logs().open())
      assert.equal(log.epoch, opening)
      await commit(machine, log, 1, 10)
      if (opening % 3 === 0) machine.powerLoss()
      else if (opening % 3 === 1) machine.processDied('one')
      else await machine.run(log.close({ clean: true }))
    }
    const log = await machine.run(machine.logs().open())
    assert.equal(fileCount(machine), 2)
    assert.equal(log.outcome({ epoch: 1, counter: 1 }), 'committed')
    assert.equal(log.outcome({ epoch: 1, counter: 11 }), 'absent')
    assert.equal(log.outcome({ epoch: 59, counter: 10 }), 'committed')
  })
})

describe('retention', () => {
  test('by age: an outcome is known for that long, then unknown, never absent', async () => {
    const machine = new Machine()
    const retention = { ms: 24 * hourMs }
    const log = await machine.run(machine.logs('one', { retention }).open())
    await commit(machine, log, 1, 1000)
    machine.nowMs += 23 * hourMs
    await commit(machine, log, 70_001, 73_000)
    assert.equal(log.outcome({ epoch: 1, counter: 1 }), 'committed')
    machine.nowMs += 2 * hourMs
    await commit(machine, log, 140_001, 143_000)
    assert.equal(log.outcome({ epoch: 1, counter: 1 }), 'unknown')
    assert.equal(log.outcome({ epoch: 1, counter: 5 }), 'unknown')
    assert.equal(log.outcome({ epoch: 1, counter: 1001 }), 'absent')
    assert.equal(log.outcome({ epoch: 1, counter: 70_001 }), 'committed')
    machine.nowMs += 30 * hourMs
    await machine.run(log.close({ clean: true }))
    const again = await machine.run(machine.logs('one', { retention }).open())
    assert.equal(again.outcome({ epoch: 1, counter: 140_001 }), 'unknown')
    assert.equal(again.outcome({ epoch: 1, counter: 200_000 }), 'absent')
    assert.equal(again.statistics().retainedOutcomes, 0)
  })

  test('by bytes: the oldest outcomes go first', async () => {
    const machine = new Machine()
    const retention = { bytes: 8 * kib }
    const log = await machine.run(machine.logs('one', { retention }).open())
    for (let page = 0; page < 40; page += 1) {
      machine.nowMs += 1000
      await commit(machine, log, page * 65_536 + 1, page * 65_536 + 50)
    }
    await commit(machine, log, 41 * 65_536 + 1, 41 * 65_536 + 350)
    assert.ok(log.statistics().bytesOnDisk < 60 * kib, `${log.statistics().bytesOnDisk}`)
    assert.equal(log.outcome({ epoch: 1, counter: 1 }), 'unknown')
    assert.equal(log.outcome({ epoch: 1, counter: 65_536 + 51 }), 'unknown')
    assert.equal(log.outcome({ epoch: 1, counter: 39 * 65_536 + 1 }), 'committed')
  })

  test('the clock may jump to the past or far ahead: outcomes are then unknown, never wrong', async () => {
    const machine = new Machine()
    const log = await machine.run(machine.logs().open())
    await commit(machine, log, 1, 100)
    for (const jumpMs of [-1000 * hourMs, 100_000 * hourMs, -99_000 * hourMs]) {
      machine.nowMs += jumpMs
      await commit(machine, log, 1001, 1010).catch(() => undefined)
      const outcome = log.outcome({ epoch: 1, counter: 7 })
      assert.ok(outcome === 'committed' || outcome === 'unknown', outcome)
    }
  })

  test('a clean log says so at its next opening, and after a crash it does not', async () => {
    const machine = new Machine()
    const first = await machine.run(machine.logs().open())
    assert.equal(first.closedCleanly, true, 'a new log has left nothing anywhere')
    machine.processDied('one')
    const second = await machine.run(machine.logs().open())
    assert.equal(second.closedCleanly, false)
    await machine.run(second.close({ clean: true }))
    const third = await machine.run(machine.logs().open())
    assert.equal(third.closedCleanly, true)
    await machine.run(third.close({ clean: false }))
    const fourth = await machine.run(machine.logs().open())
    assert.equal(fourth.closedCleanly, false)
  })
})
