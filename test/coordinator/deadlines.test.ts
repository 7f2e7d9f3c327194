import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { Deadlines } from '../../src/coordinator/deadlines.ts'
import { seededRandom } from '../core/seeded-random.ts'
import { ManualTime } from './doubles/manual-time.ts'

/** The wheel's slots are 16 ms wide: so late may a deadline be, and never early. */
const slotMs = 16

function wheel(): { time: ManualTime; deadlines: Deadlines } {
  const time = new ManualTime()
  return { time, deadlines: new Deadlines(time, time.timersOf({ isDead: false })) }
}

describe('a deadline', () => {
  test('runs once, not before its time and at most a slot after it', async () => {
    for (const delayMs of [0, 1, 15, 16, 17, 500, 16_383, 16_384, 16_385, 40_000, 86_400_000]) {
      const { time, deadlines } = wheel()
      let ranMs: number | undefined
      deadlines.set(delayMs, () => {
        assert.equal(ranMs, undefined)
        ranMs = time.monotonicMs()
      })
      await time.advance(delayMs + slotMs)
      assert.ok(ranMs !== undefined && ranMs >= delayMs && ranMs <= delayMs + slotMs, `${ranMs}`)
      await time.advance(100_000)
    }
  })

  test('that throws keeps no other from its time', async () => {
    const { time, deadlines } = wheel()
    const ran: string[] = []
    deadlines.set(100, () => assert.fail('broken'))
    deadlines.set(100, () => ran.push('beside it'))
    deadlines.set(200, () => ran.push('later'))
    await assert.rejects(time.advance(150), /broken/)
    assert.deepEqual(ran, ['beside it'])
    await time.advance(200)
    assert.deepEqual(ran, ['beside it', 'later'])
  })

  test('that was cleared never runs, and clearing it again does nothing', async () => {
    const { time, deadlines } = wheel()
    const deadline = deadlines.set(100, () => assert.fail('it ran'))
    deadlines.set(100, () => undefined)
    deadlines.clear(deadline)
    deadlines.clear(deadline)
    assert.equal(deadlines.count, 1)
    await time.advance(1_000)
    assert.equal(deadlines.count, 0)
  })

  test('that was cleared by one that ran before it, in the same slot, does not run', async () => {
    const { time, deadlines } = wheel()
    deadlines.set(100, () => deadlines.clear(second))
    const second = deadlines.set(100, () => assert.fail('it ran'))
    await time.advance(1_000)
  })

  test('may set another, also for at once', async () => {
    const { time, deadlines } = wheel()
    const ran: number[] = []
    const again = (): void => {
      ran.push(time.monotonicMs())
      if (ran.length < 5) deadlines.set(0, again)
    }
    deadlines.set(50, again)
    await time.advance(1_000)
    assert.equal(ran.length, 5)
    assert.ok((ran.at(-1) ?? 0) <= 50 + 5 * slotMs, String(ran))
  })

  test('set while the clock stood on after a long silence is not late', async () => {
    const { time, deadlines } = wheel()
    deadlines.set(10, () => undefined)
    await time.advance(50)
    await time.advance(10_000_000)
    let ran = false
    deadlines.set(100, () => {
      ran = true
    })
    await time.advance(100 + slotMs)
    assert.ok(ran)
  })

  test('that fell due while the process was stopped runs when it goes on', async () => {
    const { time, deadlines } = wheel()
    const ran: string[] = []
    deadlines.set(50, () => ran.push('soon'))
    deadlines.set(30_000, () => ran.push('later'))
    deadlines.set(90_000_000, () => ran.push('not yet'))
    await time.stall(100_000)
    await time.advance(0)
    assert.deepEqual(ran.sort(), ['later', 'soon'])
  })
})

test('nothing runs after the wheel was stopped, what is set later included', async () => {
  const { time, deadlines } = wheel()
  deadlines.set(50, () => assert.fail('it ran'))
  deadlines.stop()
  deadlines.set(50, () => assert.fail('it ran'))
  await time.advance(1_000)
  assert.equal(time.waiting, 0)
})

test('an empty wheel holds no timer, and a full one holds one', () => {
  const { time, deadlines } = wheel()
  assert.equal(time.waiting, 0)
  const set = [3_000, 20, 500, 90_000].map((delayMs) => deadlines.set(delayMs, () => undefined))
  assert.equal(time.waiting, 1)
  for (const deadline of set) deadlines.clear(deadline)
  assert.equal(time.waiting, 0)
})

test('many that are set and cleared in any order run as a sorted list would', async () => {
  const seed = 4_711
  const random = seededRandom(seed)
  const { time, deadlines } = wheel()
  const due = new Map<number, number>()
  const handles = new Map<number, ReturnType<Deadlines['set']>>()
  let late = 0
  for (let name = 0; name < 1_500; name += 1) {
    const delayMs = Math.floor(random.fraction() ** 3 * 60_000)
    const dueMs = time.monotonicMs() + delayMs
    due.set(name, dueMs)
    const handle = deadlines.set(delayMs, () => {
      const nowMs = time.monotonicMs()
      assert.ok(nowMs >= dueMs, `seed ${seed}: ${name} ran ${dueMs - nowMs} ms early`)
      late = Math.max(late, nowMs - dueMs)
      due.delete(name)
      handles.delete(name)
    })
    handles.set(name, handle)
    if (random.fraction() < 0.4) {
      const victim = Math.floor(random.fraction() * name)
      const cleared = handles.get(victim)
      if (cleared !== undefined) {
        deadlines.clear(cleared)
        handles.delete(victim)
        due.delete(victim)
      }
    }
    if (name % 40 === 0) await time.advance(Math.floor(random.fraction() * 500))
  }
  assert.equal(deadlines.count, due.size, `seed ${seed}`)
  await time.advance(60_000 + slotMs)
  assert.equal(due.size, 0, `seed ${seed}: some never ran`)
  assert.ok(late <= slotMs, `seed ${seed}: one ran ${late} ms late`)
  assert.equal(deadlines.count, 0)
})
