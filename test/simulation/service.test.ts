import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import {
  Service,
  type ServiceReply,
  type ServiceRequest,
} from '../../src/simulation/service/service.ts'
import { Stage } from './stage.ts'

const id = 'assent.sim.0123456789abc.1.1.0'
const changes = new Map([['a0', 5]])
const reserve: ServiceRequest = { type: 'reserve', id, changes }
const confirm: ServiceRequest = { type: 'confirm', id }
const cancel: ServiceRequest = { type: 'cancel', id }

class Shop extends Stage {
  readonly service: Service
  constructor(seed = 1) {
    super(seed)
    this.service = new Service({
      name: 'svc0',
      scheduler: this.scheduler,
      random: this.random,
      trace: this.trace,
      observer: {
        prepared: () => undefined,
        committed: () => undefined,
        rolledBack: () => undefined,
      },
      accounts: ['a0'],
      balance: 100,
      forcedWriteMs: [2, 2],
      refuseChance: 0,
    })
  }

  /** What each request is answered, all of them sent at once. */
  async ask(...requests: readonly ServiceRequest[]): Promise<(string | undefined)[]> {
    const replies: (ServiceReply | undefined)[] = requests.map(() => undefined)
    for (const [index, request] of requests.entries()) {
      this.service.take(request, 'p0.0', (reply) => {
        replies[index] = reply
      })
    }
    await this.run(100)
    return replies.map((reply) => (reply?.type === 'ended' ? reply.as : reply?.type))
  }
}

describe('a simulated service', () => {
  test('reserves, confirms, and changes nothing when it is told again', async () => {
    const shop = new Shop()
    assert.deepEqual(await shop.ask(reserve, reserve, confirm, confirm), ['ok', 'ok', 'ok', 'ok'])
    assert.equal(shop.service.balances.get('a0'), 105)
    assert.deepEqual(await shop.ask(cancel), ['confirmed'])
  })

  test('never reserves what was cancelled before: the request was late', async () => {
    const shop = new Shop()
    assert.deepEqual(await shop.ask(cancel, reserve, confirm), ['ok', 'refused', 'cancelled'])
    assert.equal(shop.service.balances.get('a0'), 100)
  })

  test('asked for evidence, it rules out that a late commit comes through', async () => {
    const shop = new Shop()
    const commit: ServiceRequest = { type: 'commit', id, changes }
    const evidence: ServiceRequest = { type: 'evidence', id }
    assert.deepEqual(await shop.ask(evidence, commit), ['cancelled', 'refused'])
    const other = new Shop()
    assert.deepEqual(await other.ask(commit, commit, evidence), ['ok', 'ok', 'confirmed'])
    assert.equal(other.service.balances.get('a0'), 105)
  })

  test('a crash in the middle leaves the request done or not, and unanswered', async () => {
    const seen = new Set<number>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const shop = new Shop(seed)
      const replies: string[] = []
      shop.service.take(reserve, 'p0.0', ({ type }) => replies.push(type))
      await shop.run(1)
      shop.service.crash()
      shop.service.restart()
      await shop.run(100)
      assert.deepEqual(replies, [])
      seen.add(shop.service.reserved.size)
    }
    assert.deepEqual([...seen].sort(), [0, 1])
  })
})
