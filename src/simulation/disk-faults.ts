/**
 * What the disk does to each operation: it carries it out, fails it, or loses power just then.
 *
 * And what A11 asks of whoever uses it: after a failed sync a file is never written or synced again.
 */
import type { DiskFault, DiskOperation } from './disk.ts'
import type { Incarnation } from './process/incarnation.ts'
import type { SeededRandom } from './random.ts'
import type { Surroundings } from './surroundings.ts'

export interface DiskFaultsOptions {
  readonly surroundings: Surroundings
  readonly random: SeededRandom
  /** By name. */
  readonly incarnations: ReadonlyMap<string, Incarnation>
  readonly losePower: () => void
  /** Whether nothing may go wrong any more. */
  readonly isOver: () => boolean
}

const fallible: ReadonlySet<DiskOperation['kind']> = new Set([
  'sync',
  'sync-directory',
  'write',
  'create',
  'rename',
])

export class DiskFaults {
  readonly #options: DiskFaultsOptions
  readonly #failedSyncs = new Set<string>()
  /** Files that were synced since they were made. */
  readonly #synced = new Set<string>()
  #syncsToPowerLoss = 0
  #countsBatchesOnly = false

  constructor(options: DiskFaultsOptions) {
    this.#options = options
  }

  /** Power goes just before the sync with this number, of all files or of those that take batches. */
  cutPowerAtSync(number: number, countsBatchesOnly: boolean): void {
    this.#syncsToPowerLoss = number
    this.#countsBatchesOnly = countsBatchesOnly
  }

  /** Asked as each operation is carried out. */
  at(operation: DiskOperation): DiskFault | undefined {
    const { process, kind, path } = operation
    const { incarnations, isOver } = this.#options
    const incarnation = incarnations.get(process)
    if (incarnation !== undefined && !incarnation.act(`disk ${kind} ${path}`)) return undefined
    this.#judge(operation)
    if (kind === 'sync' || kind === 'sync-directory') this.#options.surroundings.durable.changed()
    const losesPower = this.#losesPowerAt(operation)
    if (isOver()) return undefined
    if (losesPower) this.#options.losePower()
    return losesPower ? undefined : this.#failureOf(operation)
  }

  #judge({ process, kind, path }: DiskOperation): void {
    if (kind === 'create') {
      this.#failedSyncs.delete(path)
      this.#synced.delete(path)
    }
    const writes = kind === 'sync' || kind === 'write'
    if (writes && this.#failedSyncs.has(path)) {
      const message = `${process}: ${kind} of ${path}, whose sync had failed`
      this.#options.surroundings.broken('A11', message)
    }
  }

  #losesPowerAt({ kind, path }: DiskOperation): boolean {
    if (kind !== 'sync') return false
    // A file that is synced for the second time is a segment, and takes a batch.
    const isBatch = this.#synced.has(path)
    this.#synced.add(path)
    if (this.#syncsToPowerLoss === 0 || (this.#countsBatchesOnly && !isBatch)) return false
    this.#syncsToPowerLoss -= 1
    return this.#syncsToPowerLoss === 0
  }

  #failureOf({ process, kind, path }: DiskOperation): DiskFault | undefined {
    if (!fallible.has(kind)) return undefined
    const { surroundings, random } = this.#options
    const { plan, coverage, trace } = surroundings
    const isSync = kind === 'sync' || kind === 'sync-directory'
    if (!random.chance(isSync ? plan.syncFailChance : plan.diskFailChance)) return undefined
    if (kind === 'sync') this.#failedSyncs.add(path)
    coverage.count('disk failure')
    trace.note(process, `the disk fails: ${kind} ${path}`)
    return 'EIO'
  }
}
