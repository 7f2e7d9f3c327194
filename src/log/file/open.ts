/**
 * The decision logs of one directory: each process that shares it takes a slot of its own.
 *
 * Keeps A8 (a slot is used under a lock that the operating system releases only when its process is
 * dead, so no two give out ids of one log) and A10 (a slot whose process died with work left is
 * found and recovered by a sibling).
 */
import { AssentError } from '../../core/errors.ts'
import type { LogIdentity } from '../../core/ids.ts'
import { type Disk, type DiskLock, joinPath } from '../../core/ports.ts'
import type { DecisionLog, DecisionLogs } from '../contract.ts'
import type { Retention } from '../kept-outcomes.ts'
import { check, isWithin, readSharing, type Sharing, type SharingOptions } from '../sharing.ts'
import { ignoreFailure } from './durable-file.ts'
import { openFailed } from './failures.ts'
import { sectorBytes, segmentBytesDefault, segmentBytesMax, segmentBytesMin } from './format.ts'
import { readIdentities } from './identities.ts'
import { slotDirectory, slotLockName } from './layout.ts'
import { claimDirectory, pause } from './marker.ts'
import {
  type FileLogEnvironment,
  type LockedSlot,
  openSlot,
  wasClosedCleanly,
} from './open-slot.ts'
import { listFiles, listSlots, readSlot } from './slot-contents.ts'

/** A reader holds a lock for an instant; a slot that only seems taken is tried again. */
const roundsMax = 3
const roundMs = 100

export interface FileLogsOptions
  extends Omit<FileLogEnvironment, 'segmentBytes' | 'retention' | 'installation'>,
    SharingOptions {
  /** Where the logs are; made when missing. */
  readonly directory: string
  /** Bytes of a segment, a multiple of 512 from 16 KiB to 256 MiB; by default 4 MiB. */
  readonly segmentBytes?: number
}

/**
 * The logs kept in a directory. Throws ASSENT_INVALID_OPTION; touches nothing before `open`.
 *
 * @example
 * const logs = openFileLogs({ disk, timers, clock, random, directory: './transactions',
 *   installation: 'shop' })
 * const log = await logs.open()
 */
export function openFileLogs(options: FileLogsOptions): DecisionLogs {
  return new FileLogs(options)
}

class FileLogs implements DecisionLogs {
  readonly #env: FileLogEnvironment
  readonly #directory: string
  readonly #slots: number
  /** Slots whose lock is held here: they are not tried. */
  readonly #held = new Set<number>()
  /** Slots that were found closed in order, by the files they had then. */
  readonly #finished = new Map<number, string>()

  constructor(options: FileLogsOptions) {
    const { disk, timers, clock, random, directory } = options
    const { segmentBytes = segmentBytesDefault } = options
    check(directory !== '', 'log', 'The directory of the log must not be empty.')
    const { installation, slots, retention } = readSharing(options)
    check(
      isWithin(segmentBytes, segmentBytesMin, segmentBytesMax) && segmentBytes % sectorBytes === 0,
      'segmentBytes',
      `A segment must be ${segmentBytesMin} to ${segmentBytesMax} bytes, a multiple of ` +
        `${sectorBytes}, not ${segmentBytes}.`,
    )
    this.#env = {
      disk,
      timers,
      clock,
      random,
      installation,
      segmentBytes,
      retention: shareOf(retention),
    }
    this.#directory = directory
    this.#slots = slots
  }

  async open(): Promise<DecisionLog> {
    try {
      await claimDirectory({ ...this.#env, directory: this.#directory })
      for (let round = 1; ; round += 1) {
        const log = await this.#openFirstFree()
        if (log !== undefined) return log
        if (round === roundsMax) throw this.#busy()
        await pause(this.#env.timers, roundMs)
      }
    } catch (cause) {
      throw openFailed(this.#directory, cause)
    }
  }

  async adopt(): Promise<DecisionLog | undefined> {
    let failure: { readonly cause: unknown } | undefined
    try {
      for (const slot of await listSlots(this.#env.disk, this.#directory)) {
        try {
          const log = await this.#adoptSlot(slot)
          if (log !== undefined) return log
        } catch (cause) {
          // A slot that can't be read must not hide another that can be recovered.
          failure ??= { cause }
        }
      }
    } catch (cause) {
      failure = { cause }
    }
    if (failure !== undefined) throw openFailed(this.#directory, failure.cause)
    return undefined
  }

  identities(): Promise<readonly LogIdentity[]> {
    return readIdentities(this.#env.disk, this.#directory)
  }

  async #openFirstFree(): Promise<DecisionLog | undefined> {
    const { disk } = this.#env
    const existing = new Set(await listSlots(disk, this.#directory))
    for (let slot = 0; slot < this.#slots; slot += 1) {
      if (!existing.has(slot)) await disk.makeDirectory(slotDirectory(this.#directory, slot))
      const lock = await this.#lock(slot)
      if (lock === undefined) continue
      return await this.#underLock(lock, async () => {
        // Whoever made the slot may have died before its directory was durable.
        await disk.syncDirectory(this.#directory)
        return openSlot(this.#env, await this.#readLocked(slot, lock))
      })
    }
    return undefined
  }

  async #adoptSlot(slot: number): Promise<DecisionLog | undefined> {
    const { disk } = this.#env
    const directory = slotDirectory(this.#directory, slot)
    const finished = this.#finished.get(slot)
    if (finished !== undefined && finished === (await signature(disk, directory))) return undefined
    const lock = await this.#lock(slot)
    if (lock === undefined) return undefined
    return await this.#underLock(lock, async () => {
      const found = await this.#readLocked(slot, lock)
      const isFinished = found.contents === undefined || wasClosedCleanly(found.contents.state)
      if (!isFinished) return await openSlot(this.#env, found)
      this.#finished.set(slot, await signature(disk, directory))
      return undefined
    })
  }

  async #lock(slot: number): Promise<DiskLock | undefined> {
    if (this.#held.has(slot)) return undefined
    const path = joinPath(slotDirectory(this.#directory, slot), slotLockName)
    const lock = await this.#env.disk.lock(path)
    if (lock === undefined) return undefined
    this.#held.add(slot)
    return {
      release: async () => {
        this.#held.delete(slot)
        await lock.release()
      },
    }
  }

  async #readLocked(slot: number, lock: DiskLock): Promise<LockedSlot> {
    const { disk, installation } = this.#env
    const directory = slotDirectory(this.#directory, slot)
    const files = await listFiles(disk, directory)
    const contents = await readSlot(disk, { directory, slot, installation }, files)
    return { directory, slot, lock, files, contents }
  }

  /** Gives the lock back unless a log comes out, which then holds it. */
  async #underLock(
    lock: DiskLock,
    open: () => Promise<DecisionLog | undefined>,
  ): Promise<DecisionLog | undefined> {
    let log: DecisionLog | undefined
    try {
      log = await open()
      return log
    } finally {
      if (log === undefined) await ignoreFailure(lock.release())
    }
  }

  #busy(): AssentError {
    return new AssentError(
      'ASSENT_LOG_BUSY',
      `All ${this.#slots} slots of the log ${this.#directory} are held by live processes.`,
      { directory: this.#directory, slots: this.#slots },
    )
  }
}

async function signature(disk: Disk, directory: string): Promise<string> {
  return (await listFiles(disk, directory)).map(({ name }) => name).join(' ')
}

/** A checkpoint is written beside the last one and the segments between: four shares of the room. */
function shareOf({ ms, bytes }: Sharing['retention']): Retention {
  return { ageMs: ms, bytes: Math.floor(bytes / 4) }
}
