import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { nodeHost } from '../../scripts/simulate-host.ts'
import { Scheduler } from '../../src/simulation/scheduler.ts'
import { Machine, Stage } from './stage.ts'

describe('the scheduler', () => {
  test('runs events in the order of their times, and those of one time as they came', async () => {
    const { scheduler, random } = new Stage()
    const ran: number[] = []
    const times = Array.from({ length: 200 }, () => random.integer(0, 50))
    for (const [index, time] of times.entries()) scheduler.after(time, () => ran.push(index))
    await scheduler.run(100)
    const expected = times.map((_, index) => index)
    expected.sort((one, other) => (times[one] ?? 0) - (times[other] ?? 0) || one - other)
    assert.deepEqual(ran, expected)
    assert.equal(scheduler.nowMs, 100)
  })

  test('lets every promise reaction run before the next event', async () => {
    const scheduler = new Scheduler(nodeHost.quiesce)
    const order: string[] = []
    const deep = async (depth: number): Promise<void> => {
      if (depth === 0) order.push('reactions')
      else await deep(depth - 1)
    }
    scheduler.after(1, () => void deep(50))
    scheduler.after(1, () => order.push('next event'))
    await scheduler.run(2)
    assert.deepEqual(order, ['reactions', 'next event'])
  })

  test('runs nothing at a dead place, nor what was cancelled', async () => {
    const { scheduler } = new Stage()
    const place = new Machine('p0')
    const ran: string[] = []
    scheduler.after(1, () => ran.push('alive'), place)
    scheduler.after(3, () => ran.push('dead'), place)
    scheduler.cancel(scheduler.after(1, () => ran.push('cancelled')))
    scheduler.after(2, () => {
      place.isDead = true
    })
    await scheduler.run(10)
    assert.deepEqual(ran, ['alive'])
  })

  test('a hanging place finds all that reached it in its order, also when the hang grew', async () => {
    const { scheduler } = new Stage()
    const place = new Machine('p0')
    const ran: string[] = []
    place.pausedUntilMs = 20
    scheduler.after(10, () => ran.push(`first at ${scheduler.nowMs}`), place)
    scheduler.after(15, () => {
      place.pausedUntilMs = 40
    })
    scheduler.after(30, () => ran.push(`second at ${scheduler.nowMs}`), place)
    await scheduler.run(100)
    assert.deepEqual(ran, ['first at 40', 'second at 40'])
  })

  test('hands what an event throws to whoever asked for it', async () => {
    const { scheduler } = new Stage()
    const thrown: unknown[] = []
    scheduler.onThrown = (each) => thrown.push(each)
    scheduler.after(1, () => {
      throw new Error('broken')
    })
    await scheduler.run(2)
    assert.match(String(thrown), /broken/)
  })
})
