import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { closedLoad, openLoad, type Pace } from '../../bench/load.ts'

/** Time that stands still but for its pauses, and work that takes so much of it. */
class VirtualTime implements Pace {
  #nowMs = 1_000
  readonly #sleepers: { readonly wakesMs: number; readonly wake: () => void }[] = []

  nowMs(): number {
    return this.#nowMs
  }

  async pause(delayMs: number): Promise<void> {
    this.#nowMs += delayMs
    for (const sleeper of this.#sleepers.splice(0)) {
      if (sleeper.wakesMs <= this.#nowMs) sleeper.wake()
      else this.#sleepers.push(sleeper)
    }
    // Whoever woke has his turn before the next pause.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
  }

  work(tookMs: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ wakesMs: this.#nowMs + tookMs, wake })
    })
  }

  /** Lets time pass until `run` has ended. */
  async until<Value>(run: Promise<Value>): Promise<Value> {
    let isOver = false
    const over = run.finally(() => {
      isOver = true
    })
    for (let ms = 0; ms < 10_000 && !isOver; ms += 1) await this.pause(1)
    return await over
  }
}

describe('an open load', () => {
  test('takes the latency from the intended start: who waits for a free lane has waited', async () => {
    const time = new VirtualTime()
    const tookMs = [50, 1, 1, 1]
    // One every 10 ms: the first holds the only lane until 50, so the others are meant for 10, 20
    // and 30, and end at 51, 52 and 53. Measured from their own start, each would have taken 1 ms.
    const run = openLoad(
      { perSecond: 100, seconds: 0.04, lanes: 1 },
      () => time.work(tookMs.shift() ?? 0),
      time,
    )
    const arrivals = await time.until(run)
    assert.deepEqual(
      arrivals.map(({ atMs }) => atMs),
      [0, 10, 20, 30],
    )
    const [first = 0, ...late] = arrivals.map(({ latencyMs }) => latencyMs)
    assert.ok(first >= 50, `${first}`)
    assert.ok(
      late.every((each) => each >= 20),
      `${late}`,
    )
  })

  test('gives no lane to two at a time', async () => {
    const time = new VirtualTime()
    const taken = new Set<number>()
    const run = openLoad(
      { perSecond: 1_000, seconds: 0.05, lanes: 3 },
      async (lane) => {
        assert.ok(!taken.has(lane))
        taken.add(lane)
        await time.work(7)
        taken.delete(lane)
      },
      time,
    )
    assert.equal((await time.until(run)).length, 50)
  })

  test('ends with the first failure', async () => {
    const time = new VirtualTime()
    const run = openLoad(
      { perSecond: 1_000, seconds: 0.05, lanes: 3 },
      () => Promise.reject(new Error('lost')),
      time,
    )
    await assert.rejects(time.until(run), /lost/)
  })
})

describe('a closed load', () => {
  test('runs as many as it is told, no more than so many at a time', async () => {
    let running = 0
    let most = 0
    const load = await closedLoad(4, { count: 100 }, async () => {
      running += 1
      most = Math.max(most, running)
      await Promise.resolve()
      running -= 1
    })
    assert.equal(load.transactions, 100)
    assert.equal(most, 4)
  })

  test('fails with its work', async () => {
    await assert.rejects(
      closedLoad(2, { count: 10 }, () => Promise.reject(new Error('lost'))),
      /lost/,
    )
  })
})
