/** A coordinator over two databases of one kind, and a look at them from outside of any branch. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type Coordinator, openCoordinator, type Participant } from '../../src/index.ts'

/** One database, by connections that have nothing to do with the coordinator. */
export interface Outside {
  readonly url: string
  /** All names in the table `item`, by id. */
  names(): Promise<string[]>
  run(text: string): Promise<void>
  /** Locks a row of `item`; the answer lets it go. */
  lock(id: number): Promise<() => Promise<void>>
  /** Whether some session is at an UPDATE, perhaps waiting for a lock. */
  isUpdating(): Promise<boolean>
  /** How many branches are prepared. */
  preparedCount(): Promise<number>
}

export type ShopResources<Client> = {
  readonly orders: Participant<Client>
  readonly stock: Participant<Client>
}

export type ShopCoordinator<Client> = Coordinator<ShopResources<Client>>

/** A statement that a branch refuses. */
export interface RefusedStatement {
  readonly text: string
  readonly because: RegExp
}

/** What differs from one kind of database to the other. */
export interface Dialect {
  readonly refused: readonly RefusedStatement[]
  /** Fails as a deadlock or a serialization failure does. */
  readonly conflict: string
  /** A setting of the session, and an SQL expression that tells it. */
  readonly session: { readonly set: string; readonly tell: string; readonly changed: string }
  /** The `code` of a unique violation, by the driver's name or by the server's number. */
  readonly uniqueViolation: RegExp
}

export class Shop<Client> {
  readonly coordinator: ShopCoordinator<Client>
  readonly orders: Outside
  readonly stock: Outside
  readonly dialect: Dialect
  readonly #log: string

  private constructor(
    coordinator: ShopCoordinator<Client>,
    outside: { readonly orders: Outside; readonly stock: Outside },
    dialect: Dialect,
    log: string,
  ) {
    this.coordinator = coordinator
    this.orders = outside.orders
    this.stock = outside.stock
    this.dialect = dialect
    this.#log = log
  }

  static async open<Client>(
    resources: ShopResources<Client>,
    outside: { readonly orders: Outside; readonly stock: Outside },
    dialect: Dialect,
  ): Promise<Shop<Client>> {
    const log = mkdtempSync(join(tmpdir(), 'assent-shop-'))
    const coordinator = await openCoordinator<ShopResources<Client>>({
      name: 'shop',
      log,
      resources,
    })
    return new Shop(coordinator, outside, dialect, log)
  }

  /** Empties both tables. */
  async clear(): Promise<void> {
    for (const outside of [this.orders, this.stock]) await outside.run('delete from item')
  }

  /** What both tables hold, seen from outside. */
  async seen(): Promise<{ orders: string[]; stock: string[] }> {
    return { orders: await this.orders.names(), stock: await this.stock.names() }
  }

  async close(): Promise<void> {
    await this.coordinator.close()
    rmSync(this.#log, { recursive: true, force: true })
  }
}
