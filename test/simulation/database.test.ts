import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { BranchId } from '../../src/core/ids.ts'
import { Connection, ConnectionLost } from '../../src/simulation/database/connection.ts'
import { Database, type ResourceObserver } from '../../src/simulation/database/database.ts'
import { type Finish, finishOver } from '../../src/simulation/database/finish.ts'
import { type Request, refusals } from '../../src/simulation/database/messages.ts'
import { Machine, Stage } from './stage.ts'

const id = 'assent.sim.0123456789abc.1.1.0' as BranchId
const begin: Request = { type: 'begin', id, lockTimeoutMs: 200 }

class Bank extends Stage {
  readonly told: string[] = []
  readonly client: Machine = new Machine('p0.0')
  readonly database: Database
  readonly finish: Finish

  constructor(seed = 1, preparedLimit = 10) {
    super(seed)
    const observer: ResourceObserver = {
      prepared: (_, work) => this.told.push(`prepared ${work.id}`),
      committed: (_, work, by) => this.told.push(`committed ${work.id} by ${by}`),
      rolledBack: (_, work, by) => this.told.push(`rolled back ${work.id} by ${by}`),
    }
    this.database = new Database({
      name: 'db0',
      scheduler: this.scheduler,
      random: this.random.fork('db0'),
      trace: this.trace,
      observer,
      conditions: { forcedWriteMs: [5, 5], conflictChance: 0, noVoteChance: 0 },
      accounts: ['a0', 'a1'],
      balance: 100,
      preparedLimit,
      xidDigits: 1,
    })
    this.finish = finishOver(() => this.connect())
  }

  connect(): Connection {
    return new Connection(this.network, this.client, this.database)
  }

  /** Asks one after another; answers the types of the replies, or what they were refused with. */
  async ask(connection: Connection, ...requests: readonly Request[]): Promise<string[]> {
    const replies: string[] = []
    for (const request of requests) {
      replies.push(await this.answer(connection.request(request).then(wordOf, () => 'lost')))
    }
    return replies
  }

  async answer<Value>(promise: Promise<Value>): Promise<Value> {
    let answered: { readonly value: Value } | undefined
    void promise.then((value) => {
      answered = { value }
    })
    await this.scheduler.run(this.scheduler.nowMs + 5_000, () => answered !== undefined)
    assert.ok(answered !== undefined, 'nobody answered')
    return answered.value
  }

  crash(): void {
    const { life } = this.database
    this.database.crash()
    this.network.breakAll(life)
  }
}

function wordOf(reply: Awaited<ReturnType<Connection['request']>>): string {
  return reply.type === 'refused' ? reply.code : reply.type
}

const add: Request = { type: 'add', account: 'a0', amount: 7 }

describe('a simulated database', () => {
  test('a prepared branch survives a crash with its locks, and is committed by its id', async () => {
    const bank = new Bank()
    const replies = await bank.ask(bank.connect(), begin, add, { type: 'prepare' })
    assert.deepEqual(replies, ['done', 'balance', 'prepared'])
    bank.crash()
    bank.database.restart()
    const other = bank.connect()
    const locked = await bank.ask(other, { ...begin, id: `${id}0` as BranchId }, add)
    assert.deepEqual(locked, ['done', refusals.lockTimeout])
    assert.deepEqual(await bank.answer(bank.finish(id, 'commit', 'db0-1')), { result: 'done' })
    assert.equal(bank.database.balances.get('a0'), 107)
    assert.deepEqual(bank.told, [`prepared ${id}`, `committed ${id} by participant`])
  })

  test('a crash loses what was not prepared, and every connection', async () => {
    const bank = new Bank()
    const connection = bank.connect()
    await bank.ask(connection, begin, add)
    const lost = connection.request({ type: 'prepare' })
    bank.crash()
    await assert.rejects(Promise.all([lost, bank.run()]), ConnectionLost)
    bank.database.restart()
    assert.deepEqual([bank.database.prepared.size, bank.told], [0, []])
    assert.equal(bank.database.fateOf('db0-1'), 'aborted')
  })

  test('a crash in the middle of a forced write leaves it done or not, and nobody is told', async () => {
    const seen = new Set<number>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const bank = new Bank(seed)
      const connection = bank.connect()
      await bank.ask(connection, begin, add)
      const replies: string[] = []
      connection.request({ type: 'prepare' }).then(
        () => replies.push('answered'),
        () => replies.push('lost'),
      )
      await bank.run(4)
      bank.crash()
      await bank.run()
      seen.add(bank.database.prepared.size)
      assert.deepEqual(replies, ['lost'])
    }
    assert.deepEqual([...seen].sort(), [0, 1])
  })

  test('an unknown id proves nothing: the fate of its xid tells how it ended', async () => {
    const bank = new Bank()
    await bank.ask(bank.connect(), begin, add, { type: 'prepare' })
    bank.database.finishByHand('rollback', () => true)
    await bank.run(100)
    const told = await bank.answer(bank.finish(id, 'commit', 'db0-1'))
    assert.deepEqual([told.result, 'kind' in told && told.kind], ['heuristic', 'rolled-back'])
    const asTold = await bank.answer(bank.finish(id, 'rollback', 'db0-1'))
    assert.equal(asTold.result, 'done')
    const blind = await bank.answer(bank.finish(id, 'commit', undefined))
    assert.deepEqual([blind.result, 'kind' in blind && blind.kind], ['heuristic', 'hazard'])
  })

  test('refuses a vote for want of a slot, a failed statement, and a second branch of one id', async () => {
    const full = new Bank(1, 0)
    const refused = await full.ask(full.connect(), begin, add, { type: 'prepare' })
    assert.equal(refused.at(-1), refusals.noPreparedSlot)

    const bank = new Bank()
    await bank.ask(bank.connect(), begin, add, { type: 'prepare' })
    const other: Request = { type: 'add', account: 'a1', amount: 1 }
    const again = await bank.ask(bank.connect(), begin, other, { type: 'prepare' })
    assert.equal(again.at(-1), refusals.duplicateId)
    const failed = await bank.ask(bank.connect(), begin, add, other, { type: 'prepare' })
    assert.deepEqual(failed.slice(1), [
      refusals.lockTimeout,
      refusals.failedTransaction,
      refusals.failedTransaction,
    ])
  })

  test('a savepoint takes back what came after it, a failure included', async () => {
    const bank = new Bank()
    await bank.ask(
      bank.connect(),
      begin,
      add,
      { type: 'savepoint', name: 1 },
      { type: 'add', account: 'a1', amount: 50 },
      { type: 'rollback-to', name: 1 },
      { type: 'commit' },
    )
    assert.deepEqual([...bank.database.balances.values()], [107, 100])
  })

  test('the end of a connection drops its open work and gives its locks to who waits', async () => {
    const bank = new Bank()
    const first = bank.connect()
    await bank.ask(first, begin, add)
    const second = bank.connect()
    await bank.ask(second, { ...begin, id: `${id}0` as BranchId })
    const waits = second.request(add).then(wordOf)
    first.close()
    assert.equal(await bank.answer(waits), 'balance')
  })
})
