/**
 * Which incarnation holds which log (A7, A8).
 *
 * The lock of a file is lost only with its process. A session of a database can be lost without its
 * process: that one may go on with its own branches until it learns of it, though another holds the
 * log by then. Safety may not rest on who of the two is faster.
 */
import type { LogIdentity } from '../../core/ids.ts'
import type { Place } from '../scheduler.ts'
import type { Broken } from '../violations.ts'

export class Owners {
  readonly #broken: Broken
  readonly #canLoseLocks: boolean
  /** All that have ever opened a log, where locks can be lost: what they know of it they may do. */
  readonly #believers = new Map<LogIdentity, Set<Place>>()
  readonly #holders = new Map<LogIdentity, Place>()
  /** Closed with nothing left. */
  readonly #clean = new Set<LogIdentity>()
  readonly #lastHolders = new Map<LogIdentity, Place>()
  readonly #epochs = new Set<string>()
  readonly #newestEpochs = new Map<LogIdentity, number>()

  constructor(broken: Broken, { canLoseLocks = false }: { readonly canLoseLocks?: boolean } = {}) {
    this.#broken = broken
    this.#canLoseLocks = canLoseLocks
  }

  opened(identity: LogIdentity, epoch: number, by: Place): void {
    const holder = this.#holders.get(identity)
    if (holder !== undefined && !holder.isDead && !this.#canLoseLocks) {
      this.#broken('A8', `${by.name} opens the log ${identity}, which ${holder.name} holds`)
    }
    const opening = `${identity}.${epoch}`
    if (this.#epochs.has(opening)) {
      this.#broken('A8', `the log ${identity} is opened again under epoch ${epoch}`)
    }
    this.#epochs.add(opening)
    const believers = this.#believers.get(identity) ?? new Set()
    this.#believers.set(identity, believers.add(by))
    // Its lock may have been lost, and the log opened anew, before it was through.
    if (epoch < (this.#newestEpochs.get(identity) ?? 0)) return
    this.#newestEpochs.set(identity, epoch)
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

  /** Its table says so: it was given up with nothing left. */
  declaredClean(identity: LogIdentity): void {
    this.#clean.add(identity)
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
    if (this.#canLoseLocks && this.#believers.get(identity)?.has(by)) return
    const whose = holder === undefined ? 'which nobody holds' : `which ${holder.name} holds`
    this.#broken('A7', `${by.name} ${what}, of the log ${identity}, ${whose}`)
  }
}
