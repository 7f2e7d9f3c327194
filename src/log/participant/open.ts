/**
 * The decision logs in a participant's database: each process that shares it takes a slot of its own.
 *
 * Keeps A8 (a slot is used under a lock that the database releases only when its session is over, so no
 * two give out ids of one log) and A10 (a slot whose process died with work left is found and
 * recovered by a sibling).
 */
import type { TableSession } from '../../core/decision-table.ts'
import { AssentError } from '../../core/errors.ts'
import { type LogIdentity, makeLogIdentity } from '../../core/ids.ts'
import type { DecisionLog, DecisionLogs } from '../contract.ts'
import { readSharing, type SharingOptions } from '../sharing.ts'
import { bounded } from './bounded.ts'
import { openFailed } from './failures.ts'
import { openSlot, type TableLogEnvironment } from './open-slot.ts'

const limits = { answerLimitMs: 10_000, waitLimitMs: 30_000, tidyIntervalMs: 60_000 } as const
const adoptAfterMsDefault = 4_000

export interface TableLogsOptions
  extends Omit<TableLogEnvironment, 'installation' | 'retention' | keyof typeof limits>,
    SharingOptions {
  /** How long one answer of the database is waited for; by default 10,000 ms. */
  readonly answerLimitMs?: number
  /** How long a record may wait while the table can't be written; by default 30,000 ms. */
  readonly waitLimitMs?: number
  /** Between two looks for what can be removed; by default 60,000 ms. */
  readonly tidyIntervalMs?: number
  /** How long a slot with work left must have been free before it is adopted; by default 4,000 ms. */
  readonly adoptAfterMs?: number
}

/** The logs kept in a table. Throws `ASSENT_INVALID_OPTION`; asks nothing of it before `open`. */
export function openTableLogs(options: TableLogsOptions): DecisionLogs {
  return new TableLogs(options)
}

class TableLogs implements DecisionLogs {
  readonly #env: TableLogEnvironment
  readonly #slots: number
  readonly #adoptAfterMs: number
  /** Slots that are held here: they are not tried. */
  readonly #held = new Set<number>()
  /** Slots that were found free with work left: at which epoch, and when first. */
  readonly #free = new Map<number, { readonly epoch: number; readonly sinceMs: number }>()

  constructor(options: TableLogsOptions) {
    const { adoptAfterMs, ...rest } = options
    const { installation, slots, retention } = readSharing(options)
    const { ms: ageMs, bytes } = retention
    this.#env = { ...limits, ...rest, installation, retention: { ageMs, bytes } }
    this.#slots = slots
    this.#adoptAfterMs = adoptAfterMs ?? adoptAfterMsDefault
  }

  async open(): Promise<DecisionLog> {
    const { table } = this.#env
    try {
      await this.#asked(table.prepare())
      for (let slot = 0; slot < this.#slots; slot += 1) {
        const log = await this.#openIf(slot, () => true)
        if (log !== undefined) return log
      }
      throw this.#busy()
    } catch (cause) {
      throw openFailed(table.location, cause)
    }
  }

  async adopt(): Promise<DecisionLog | undefined> {
    const { table, installation } = this.#env
    let failure: { readonly cause: unknown } | undefined
    try {
      for (const { slot, isClean, epoch } of await this.#asked(table.logs(installation))) {
        if (isClean || epoch === 0) continue
        try {
          const log = await this.#openIf(slot, (session) => this.#isGivenUp(session))
          if (log !== undefined) return log
        } catch (cause) {
          // A slot that can't be read must not hide another that can be recovered.
          failure ??= { cause }
        }
      }
    } catch (cause) {
      failure = { cause }
    }
    if (failure !== undefined) throw openFailed(table.location, failure.cause)
    return undefined
  }

  async identities(): Promise<readonly LogIdentity[]> {
    const { table, installation } = this.#env
    const logs = await this.#asked(table.logs(installation))
    return logs.map(({ identity }) => identity)
  }

  /**
   * Whether nobody comes back to a slot with work left. Its process may live, and be about to lock it
   * again: a database that restarts ends the sessions of all. Taken from it, it would be shut out.
   */
  #isGivenUp({ log: { slot, epoch, isClean } }: TableSession): boolean {
    const nowMs = this.#env.clock.monotonicMs()
    const seen = this.#free.get(slot)
    const isSame = seen?.epoch === epoch
    if (isClean || !isSame) this.#free.delete(slot)
    if (!isClean && !isSame) this.#free.set(slot, { epoch, sinceMs: nowMs })
    return !isClean && isSame && nowMs - seen.sinceMs >= this.#adoptAfterMs
  }

  /** Undefined where another holds the slot, or it is not wanted. */
  async #openIf(
    slot: number,
    isWanted: (session: TableSession) => boolean,
  ): Promise<DecisionLog | undefined> {
    if (this.#held.has(slot)) return undefined
    this.#held.add(slot)
    let log: DecisionLog | undefined
    try {
      const session = await this.#lock(slot)
      if (session === undefined) {
        this.#free.delete(slot)
        return undefined
      }
      try {
        if (isWanted(session))
          log = await openSlot(this.#env, session, () => this.#held.delete(slot))
        return log
      } finally {
        if (log === undefined) await this.#release(session)
      }
    } finally {
      if (log === undefined) this.#held.delete(slot)
    }
  }

  #lock(slot: number): Promise<TableSession | undefined> {
    const { table, installation, random, timers, answerLimitMs } = this.#env
    const identity = makeLogIdentity((bytes) => random.fill(bytes))
    const locking = table.lock({ installation, slot, identity })
    return bounded(timers, answerLimitMs, locking, (late) => void late?.release())
  }

  async #release(session: TableSession): Promise<void> {
    await this.#asked(session.release()).catch(() => undefined)
  }

  #asked<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return bounded(this.#env.timers, this.#env.answerLimitMs, answer)
  }

  #busy(): AssentError {
    const { table, installation } = this.#env
    return new AssentError(
      'ASSENT_LOG_BUSY',
      `All ${this.#slots} slots of '${installation}' in ${table.location} are held by live processes.`,
      { directory: table.location, slots: this.#slots },
    )
  }
}
