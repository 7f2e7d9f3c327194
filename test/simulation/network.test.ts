import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { calmNetwork, messageLifeMaxMs } from '../../src/simulation/network/conditions.ts'
import { Machine, Stage } from './stage.ts'

const client = new Machine('p0.0')
const server = new Machine('db0')
const numbers = Array.from({ length: 300 }, (_, index) => index)

describe('messages of their own', () => {
  test('arrive once and in time on a calm network', async () => {
    const stage = new Stage()
    const arrived: number[] = []
    for (const number of numbers) {
      stage.network.send(client, server, 'm', () => arrived.push(number))
    }
    await stage.run(5)
    assert.deepEqual(
      arrived.toSorted((one, other) => one - other),
      numbers,
    )
  })

  test('are lost, doubled and overtaken on a bad one', async () => {
    const stage = new Stage()
    const { network } = stage
    network.conditions = {
      ...calmNetwork,
      lossChance: 0.2,
      duplicateChance: 0.2,
      slowChance: 0.2,
      slowMs: [10, 500],
    }
    const arrived: number[] = []
    for (const number of numbers) network.send(client, server, 'm', () => arrived.push(number))
    await stage.run(messageLifeMaxMs)
    assert.ok(new Set(arrived).size < numbers.length, 'none was lost')
    assert.ok(new Set(arrived).size < arrived.length, 'none was doubled')
    assert.ok(arrived.some((number, index) => number < (arrived[index - 1] ?? 0)))
    assert.ok(stage.faults.includes('message lost') && stage.faults.includes('message doubled'))
  })

  test('a cut loses what is sent meanwhile, in every life of the machine', async () => {
    const stage = new Stage()
    const { network } = stage
    const arrived: string[] = []
    network.cut(client, server, 100)
    network.send(new Machine('p0.1'), server, 'm', () => arrived.push('cut off'))
    network.send(new Machine('p1.0'), server, 'm', () => arrived.push('another machine'))
    await stage.run(150)
    network.send(client, server, 'm', () => arrived.push('after the cut'))
    await stage.run()
    assert.deepEqual(arrived, ['another machine', 'after the cut'])
  })
})

describe('a connection', () => {
  test('keeps the order, whatever the delays', async () => {
    const stage = new Stage()
    stage.network.conditions = { ...calmNetwork, slowChance: 0.5, slowMs: [10, 500] }
    const wire = stage.network.connect(client, server)
    const arrived: number[] = []
    for (const number of numbers) wire.toServer('m', () => arrived.push(number))
    await stage.run(messageLifeMaxMs)
    assert.deepEqual(arrived, numbers)
  })

  test('when it breaks, what was under way arrives up to some message, and each end learns', async () => {
    const counts = new Set<number>()
    for (let seed = 1; seed <= 40; seed += 1) {
      const stage = new Stage(seed)
      const wire = stage.network.connect(client, server)
      const arrived: (number | string)[] = []
      wire.onServerLost = () => arrived.push('lost')
      wire.onClientLost = () => arrived.push('client lost')
      for (const number of numbers.slice(0, 5)) wire.toServer('m', () => arrived.push(number))
      wire.break()
      await stage.run()
      const messages = arrived.filter((each) => typeof each === 'number')
      assert.deepEqual(messages, numbers.slice(0, messages.length))
      assert.ok(arrived.includes('lost') && arrived.includes('client lost'))
      assert.ok(arrived.indexOf('lost') >= messages.length, 'the server learns of it last')
      counts.add(messages.length)
    }
    assert.ok(counts.has(0) && counts.has(5) && counts.size > 3, `only ${[...counts]}`)
  })

  test('a client that hangs up is noticed after all that it sent', async () => {
    const stage = new Stage()
    const wire = stage.network.connect(client, server)
    const arrived: string[] = []
    wire.onServerLost = () => arrived.push('over')
    wire.toServer('m', () => arrived.push('request'))
    wire.close()
    await stage.run()
    assert.deepEqual(arrived, ['request', 'over'])
  })
})
