/**
 * Prepared branches that are not ours, planted beside ours (A7): of another program, of another
 * installation, of a log that only looks like one of ours, and of one that this log never gave out.
 */
import type { LogIdentity } from '../core/ids.ts'
import type { Database } from './database/database.ts'
import type { SeededRandom } from './random.ts'
import { installation, type Surroundings } from './surroundings.ts'

export class Strangers {
  readonly #databases: readonly Database[]
  readonly #random: SeededRandom
  readonly #planted: { readonly id: string; readonly database: Database }[] = []
  readonly #seen = new Set<LogIdentity>()

  constructor(databases: readonly Database[], random: SeededRandom) {
    this.#databases = databases
    this.#random = random
  }

  /** Once for each log, when its identity is known. */
  plant(identity: LogIdentity): void {
    if (this.#seen.has(identity) || !this.#random.chance(0.4)) return
    this.#seen.add(identity)
    const other = `${identity.slice(0, -1)}${identity.endsWith('0') ? '1' : '0'}`
    const ids = [
      'billing-42',
      `assent.${installation}-eu.${identity}.1.1.0`,
      `assent.${installation}.${other}.1.1.0`,
      `assent.${installation}.${identity}.1.1`,
      `assent.${installation}.${identity}.1.1.0.0`,
      `assent.${installation}.${identity}.zzz.1.0`,
    ]
    const database = this.#random.pick(this.#databases)
    const id = this.#random.pick(ids)
    if (database.prepared.has(id) || database.life.isDead) return
    database.preparedLimit += 1 // so that it takes no room from ours
    const work = { id, xid: database.begin(), changes: new Map() }
    database.prepare(work, () => {
      this.#planted.push({ id, database })
    })
  }

  /** None of them was touched, but by an operator's act. */
  judge({ allowedStrangers, broken }: Surroundings): void {
    for (const { id, database } of this.#planted) {
      if (database.prepared.has(id) || allowedStrangers.has(id)) continue
      broken('A7', `the stranger ${id} at ${database.name} is gone, and nobody asked for that`)
    }
  }
}
