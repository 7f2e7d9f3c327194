/** The bank: accounts and a journal in two stores, and whether its books are right. */
import assert from 'node:assert/strict'

import type { Store, StoreAddress, StoreServer } from './stores/store.ts'
import { type Side, sides } from './worker/settings.ts'

export const accounts = 10
const openingBalance = 1_000

export type Stores = Readonly<Record<Side, Store>>

export class Bank {
  readonly #stores: Stores

  /** Opens the accounts in two new databases. */
  static async open(stores: Stores): Promise<Bank> {
    await Promise.all(sides.map((side) => stores[side].open(accounts, openingBalance)))
    return new Bank(stores)
  }

  private constructor(stores: Stores) {
    this.#stores = stores
  }

  /** For workers. */
  get addresses(): Readonly<Record<Side, StoreAddress>> {
    const address = ({ kind, url }: Store): StoreAddress => ({ kind, url })
    return { left: address(this.#stores.left), right: address(this.#stores.right) }
  }

  server(side: Side): StoreServer {
    return this.#stores[side].server
  }

  /** Branches of ours that are prepared anywhere on the servers: `left: assent.crash...`. */
  async prepared(): Promise<string[]> {
    const found = await this.#onEach((store) => store.prepared())
    return found.filter((branch) => branch.includes(': assent.'))
  }

  /** Prepares a branch of a log that is nobody's here, in both databases; answers its id. */
  async prepareStranger(): Promise<string> {
    const id = 'assent.nobody.0000000000000.1.1.0'
    await Promise.all(sides.map((side) => this.#stores[side].prepareStranger(id)))
    return id
  }

  async rollBackStranger(id: string): Promise<void> {
    await Promise.all(sides.map((side) => this.#stores[side].rollBack(id)))
  }

  /**
   * Rolls back what a failed test left, and begins the books anew, so that it fails alone: one of
   * the branches may belong to a transaction of which the other has committed.
   */
  async clear(): Promise<void> {
    const prepared = await this.#onEach((store) => store.prepared())
    if (prepared.length === 0) return
    await this.beginAnew()
  }

  /** Rolls back whatever is prepared, and begins the books anew. */
  async beginAnew(): Promise<void> {
    for (const side of sides) {
      const store = this.#stores[side]
      for (const id of await store.prepared()) await store.rollBack(id)
    }
    await Promise.all(sides.map((side) => this.#stores[side].beginAnew(openingBalance)))
  }

  /** The sessions at the servers of workers, alive or dead. */
  async sessionsOf(workers: readonly string[]): Promise<string[]> {
    return await this.#onEach((store) => store.sessionsOf(workers))
  }

  /** How many transactions a worker has open in both; prepared ones may count. */
  async openTransactionsOf(worker: string): Promise<number> {
    const counts = sides.map((side) => this.#stores[side].openTransactionsOf(worker))
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
  }

  /** How many of a worker's sessions in one database wait for a lock. */
  async waitingOf(worker: string, side: Side): Promise<number> {
    return await this.#stores[side].waitingOf(worker)
  }

  /** Locks all accounts of one database while `body` runs. */
  async holdingAccounts<Value>(side: Side, body: () => Promise<Value>): Promise<Value> {
    const release = await this.#stores[side].holdAccounts()
    try {
      return await body()
    } finally {
      await release()
    }
  }

  /** Ends the sessions of a worker in one database, as an administrator would. */
  async endSessionsOf(worker: string, side: Side): Promise<number> {
    return await this.#stores[side].endSessionsOf(worker)
  }

  /** The slots of the decisions that the left database keeps in this schema. */
  async decisionSlots(schema: string): Promise<number[]> {
    return await this.#stores.left.decisionSlots(schema)
  }

  /** How many sessions have such slots locked. */
  async slotSessions(): Promise<number> {
    return await this.#stores.left.slotSessions()
  }

  /** Ends them, and no others. */
  async endSlotSessions(): Promise<number> {
    return await this.#stores.left.endSlotSessions()
  }

  /** The ids in the journal of one database. */
  async journal(side: Side): Promise<Set<string>> {
    return new Set(await this.#stores[side].journal())
  }

  async isInJournal(side: Side, id: string): Promise<boolean> {
    return await this.#stores[side].isInJournal(id)
  }

  /** No money was made or lost, and each database holds what its own journal says. */
  async checkMoney(): Promise<void> {
    let total = 0
    for (const side of sides) {
      const { held, booked } = await this.#stores[side].totals()
      const expected = accounts * openingBalance + booked
      assert.equal(held, expected, `${side} holds what its journal says`)
      total += held
    }
    assert.equal(total, 2 * accounts * openingBalance, 'no money was made or lost')
  }

  /** What both answer, each with the side before it. */
  async #onEach(ask: (store: Store) => Promise<readonly string[]>): Promise<string[]> {
    const found = await Promise.all(
      sides.map(async (side) => {
        const answers = await ask(this.#stores[side])
        return answers.map((answer) => `${side}: ${answer}`)
      }),
    )
    return found.flat()
  }
}
