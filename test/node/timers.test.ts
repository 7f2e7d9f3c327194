import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'

import { backgroundTimers, nodeTimers } from '../../src/node/timers.ts'
import { until } from '../harness/until.ts'
import { Child } from './child.ts'

for (const [name, make] of [
  ['waited for', nodeTimers],
  ['in the background', backgroundTimers],
] as const) {
  test(`timers ${name}: run once, never early, and not when cleared`, () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      const timers = make()
      const ran: string[] = []
      timers.set(10.2, () => ran.push('fraction'))
      timers.clear(timers.set(5, () => ran.push('cleared')))
      mock.timers.tick(10)
      assert.deepEqual(ran, [])
      mock.timers.tick(1)
      assert.deepEqual(ran, ['fraction'])
      mock.timers.tick(1000)
      assert.deepEqual(ran, ['fraction'])
    } finally {
      mock.timers.reset()
    }
  })

  test(`timers ${name}: a delay beyond Node's limit is kept, and can be cleared`, () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      const timers = make()
      const ran: string[] = []
      const limitMs = 2 ** 31 - 1
      timers.set(2 * limitMs + 500, () => ran.push('long'))
      const cleared = timers.set(limitMs + 500, () => ran.push('cleared'))
      mock.timers.tick(limitMs)
      timers.clear(cleared)
      mock.timers.tick(limitMs)
      assert.deepEqual(ran, [])
      mock.timers.tick(500)
      assert.deepEqual(ran, ['long'])
    } finally {
      mock.timers.reset()
    }
  })
}

test('what is to run soon runs behind what has arrived already', async () => {
  const order: string[] = []
  const { port1, port2 } = new MessageChannel()
  port2.on('message', (text: string) => {
    order.push(text)
    // The second is there as well: what the first one asks for is not to come between.
    if (text === 'one') nodeTimers().soon(() => order.push('soon'))
  })
  port1.postMessage('one')
  port1.postMessage('two')
  await until('all has come', () => order.length === 3)
  port1.close()
  assert.deepEqual(order, ['one', 'two', 'soon'])
})

test('only timers that somebody waits for keep the process alive', async () => {
  const child = new Child(import.meta.url, './timer-process.ts')
  assert.deepEqual(await child.rest(), ['waited for'])
})
