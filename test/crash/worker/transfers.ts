/** What a worker does for a living: it moves money, and notes what it was told. */

import type { Coordinator } from '../../../src/index.ts'
import { isAssentError } from '../../../src/index.ts'
import { nodeTimers } from '../../../src/node/timers.ts'
import type { Participant } from '../../../src/participants/contract.ts'
import { accounts } from '../bank.ts'
import type { CrashWatch } from './crash-watch.ts'
import type { Diary } from './diary.ts'
import type { Side, Told, TransferKind, WorkerSettings } from './settings.ts'
import type { Client, WorkerStore } from './stores/store.ts'

export type Bank = Coordinator<Readonly<Record<Side, Participant<Client>>>>

export interface Surroundings {
  readonly bank: Bank
  readonly stores: Readonly<Record<Side, WorkerStore>>
  readonly diary: Diary
  readonly watch: CrashWatch
  readonly settings: WorkerSettings
}

const timers = nodeTimers()
const failurePauseMs = 20

type Clients = Readonly<Record<Side, Client>>

/** What the nested part throws to be undone. */
class Undone extends Error {
  override readonly name = 'Undone'
}

export class Transfers {
  readonly #bank: Bank
  readonly #stores: Readonly<Record<Side, WorkerStore>>
  readonly #diary: Diary
  readonly #watch: CrashWatch
  readonly #options: { readonly timeoutMs: number }
  readonly #kinds: readonly TransferKind[]
  #resting = false
  readonly #running: Promise<void>[] = []

  constructor({ bank, stores, diary, watch, settings }: Surroundings) {
    const { timeoutMs = 20_000, kinds = ['transfer'] } = settings
    this.#bank = bank
    this.#stores = stores
    this.#diary = diary
    this.#watch = watch
    this.#options = { timeoutMs }
    this.#kinds = kinds
  }

  /** One transaction. With `isSubject` the crash point is armed for it. */
  async run(kind: TransferKind, isSubject = false): Promise<Told> {
    let id: string | undefined
    const began = (tx: { readonly id: string }): string => {
      this.#diary.note({ type: 'began', id: tx.id, kind })
      if (isSubject) this.#watch.arm(tx.id)
      id = tx.id
      return tx.id
    }
    const told = await this.#call(kind, began).then((): Told => ({ result: 'committed' }), failed)
    if (id === undefined) this.#diary.note({ type: 'told', told })
    else {
      this.#diary.note({ type: 'told', id, told })
      this.#watch.at({ on: 'told' }, id)
      if (isSubject) this.#diary.note({ type: 'passed', id, told })
    }
    return told
  }

  /** Transfers for as long as the worker lives; answers when each loop has done its first. */
  async goOn(concurrency: number): Promise<void> {
    this.#resting = false
    const first: Promise<Told>[] = []
    for (let loop = 0; loop < concurrency; loop += 1) {
      const beginning = this.run(this.#kind(loop))
      first.push(beginning)
      this.#running.push(beginning.then(() => this.#repeat(loop)))
    }
    await Promise.all(first)
  }

  async rest(): Promise<void> {
    this.#resting = true
    await Promise.all(this.#running.splice(0))
  }

  #kind(turn: number): TransferKind {
    return this.#kinds[turn % this.#kinds.length] as TransferKind
  }

  async #repeat(loop: number): Promise<void> {
    for (let turn = loop + 1; !this.#resting; turn += 1) {
      const told = await this.run(this.#kind(turn))
      // A database that is down refuses at once: it is not to be asked a thousand times a second.
      if (told.result === 'failed') await pause(failurePauseMs)
    }
  }

  async #call(kind: TransferKind, began: (tx: { readonly id: string }) => string): Promise<void> {
    if (kind === 'one-phase') {
      return this.#bank.transaction(
        ['left'],
        ({ left, tx }) => this.#withinOne(left, began(tx)),
        this.#options,
      )
    }
    return this.#bank.transaction(
      ['left', 'right'],
      ({ left, right, tx }) => this.#withBoth(kind, { left, right }, began(tx)),
      this.#options,
    )
  }

  async #withBoth(
    kind: Exclude<TransferKind, 'one-phase'>,
    clients: Clients,
    id: string,
  ): Promise<void> {
    switch (kind) {
      case 'transfer':
        return await this.#between(clients, id)
      case 'nested':
        return await this.#nested(clients, id)
      case 'refused':
        await this.#between(clients, id)
        return await this.#stores.right.refuse(clients.right)
      case 'reading-along':
        await this.#look(clients, 'right')
        return await this.#withinOne(clients.left, id)
      case 'reading':
        await this.#look(clients, 'left')
        await this.#look(clients, 'right')
        return
    }
  }

  async #look(clients: Clients, side: Side): Promise<void> {
    await clients[side].query(this.#stores[side].statements.look)
  }

  async #between({ left, right }: Clients, id: string): Promise<void> {
    const amount = 1 + pick(5)
    await this.#book('left', left, id, -amount, [[pick(accounts), -amount]])
    this.#watch.at({ on: 'work', step: 'between the databases' }, id)
    await this.#book('right', right, id, amount, [[pick(accounts), amount]])
  }

  async #withinOne(left: Client, id: string): Promise<void> {
    const amount = 1 + pick(5)
    const from = pick(accounts - 1)
    await this.#book('left', left, id, 0, [
      [from, -amount],
      [from + 1, amount],
    ])
  }

  async #nested(clients: Clients, id: string): Promise<void> {
    await this.#bank.transaction(['left', 'right'], () => this.#between(clients, id), {
      propagation: 'nested',
    })
    const undone = this.#bank.transaction(
      ['left', 'right'],
      async () => {
        await this.#between(clients, `${id}/undone`)
        this.#watch.at({ on: 'work', step: 'in the nested part' }, id)
        throw new Undone('the nested part is undone')
      },
      { propagation: 'nested' },
    )
    await undone.catch((error: unknown) => {
      if (!(error instanceof Undone)) throw error
    })
  }

  /** Moves money and writes down that it was moved, in one database. */
  async #book(
    side: Side,
    client: Client,
    id: string,
    delta: number,
    moves: readonly (readonly [account: number, amount: number])[],
  ): Promise<void> {
    const { statements } = this.#stores[side]
    for (const [account, amount] of moves) await client.query(statements.move, [amount, account])
    await client.query(statements.book, [id, delta])
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.set(delayMs, resolve)
  })
}

function pick(count: number): number {
  return Math.floor(Math.random() * count)
}

function failed(error: unknown): Told {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  if (!isAssentError(error)) return { result: 'failed', code: name, effect: 'none', message }
  return { result: 'failed', code: error.code, effect: error.effect, message }
}
