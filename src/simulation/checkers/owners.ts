/** Which incarnation holds which log (A7, A8). */
import type { LogIdentity } from '../../core/ids.ts'
import type { Place } from '../scheduler.ts'
import type { Broken } from '../violations.ts'

export class Owners {
  readonly #broken: Broken
  readonly #holders = new Map<LogIdentity, Place>()
  /** Closed with nothing left. */
  readonly #clean = new Set<LogIdentity>()
  readonly #lastHolders = new Map<LogIdentity, Place>()
  readonly #epochs = new Set<string>()

  constructor(broken: Broken) {
    this.#broken = broken
  }

  opened(identity: LogIdentity, epoch: number, by: Place): void {
    const holder = this.#holders.get(identity)
    if (holder !== undefined && !holder.isDead) {
      this.#broken('A8', `${by.name} opens the log ${identity}, which ${holder.name} holds`)
    }
    const opening = `${identity}.${epoch}`
    if (this.#epochs.has(opening)) {
      this.#broken('A8', `the log ${identity} is opened again under epoch ${epoch}`)
    }
    this.#epochs.add(opening)
    this.#holders.set(identity, by)
    this.#clean.delete(identity)
    this.#lastHolders.set(identity, by)
  }

  /** Given up: from the moment at which that is asked for. */
  closed(identity: LogIdentity, by: Place, isClean: boolean): void {
    if (this.#holders.get(identity) !== by) return
    this.#holders.delete(identity)
    if (isClean) this.#clean.add(identity)
  }

  /** Logs that a sibling has yet to take over: their process is gone, and not with nothing left. */
  unattended(): LogIdentity[] {
    return [...this.#lastHolders.keys()].filter(
      (identity) => this.holderOf(identity) === undefined && !this.#clean.has(identity),
    )
  }

  /** The living holder of a log. */
  holderOf(identity: LogIdentity): Place | undefined {
    const holder = this.#holders.get(identity)
    return holder?.isDead ? undefined : holder
  }

  /** A7: `by` touches a branch of this log, whose last holder it was, if nobody else is. */
  touched(identity: LogIdentity, by: Place, what: string): void {
    const holder = this.holderOf(identity)
    if (holder === by || (holder === undefined && this.#lastHolders.get(identity) === by)) return
    const whose = holder === undefined ? 'which nobody holds' : `which ${holder.name} holds`
    this.#broken('A7', `${by.name} ${what}, of the log ${identity}, ${whose}`)
  }
}
