/**
 * The port Disk for the simulator: one disk, shared by processes that die, in a machine that loses
 * power. Everything is drawn from the one seed, in the order of the scheduler's turns.
 *
 * A process that dies keeps what it wrote readable, and gives up its locks; its ports fall silent,
 * so nothing of it acts again. A power cut kills every process, and takes what was not synced.
 */
import type { Disk } from '../core/ports.ts'
import { SimulatedDirectory, type SimulatedEntry } from './disk-directory.ts'
import { type Chance, SimulatedFile } from './disk-file.ts'
import type { DiskFault, DiskOperation } from './disk-operation.ts'
import { DiskPort, type PortHost } from './disk-port.ts'

export type { DiskFault, DiskOperation }

export interface SimulatedDiskOptions {
  readonly random: Chance
  /** Runs a turn of this process later, when and in which order the scheduler chooses. */
  readonly delay: (run: () => void, processName: string) => void
  /** Bytes that files may take; no limit by default. */
  readonly capacityBytes?: number
}

export interface SimulatedDisk {
  /** The disk as this process sees it: after its death, as its next incarnation does. */
  portFor(processName: string): Disk
  /** Kills a process; what it wrote stays readable, what it was writing may be cut short. */
  processDied(processName: string): void
  /** Kills every process, and takes from the disk what was not synced. */
  powerLoss(): void
  /** Asked as each operation is carried out; may kill processes or cut the power as well. */
  fault: ((operation: DiskOperation) => DiskFault | undefined) | undefined
  /** Bytes that files may take from now on. */
  capacityBytes: number
  readonly usedBytes: number
  /** What can be read now, by path; for checks, and for damage done by hand with `write`. */
  files(): ReadonlyMap<string, SimulatedFile>
  /** The files that a power cut is sure to leave, under the names that they would have then. */
  durableFiles(): ReadonlyMap<string, SimulatedFile>
}

export function createSimulatedDisk(options: SimulatedDiskOptions): SimulatedDisk {
  return new Simulation(options)
}

class Simulation implements SimulatedDisk {
  readonly #random: Chance
  readonly #host: PortHost
  readonly #ports = new Map<string, DiskPort>()
  readonly #locks = new Map<string, DiskPort>()
  readonly #root = new SimulatedDirectory()
  fault: ((operation: DiskOperation) => DiskFault | undefined) | undefined
  capacityBytes: number

  constructor({ random, delay, capacityBytes }: SimulatedDiskOptions) {
    this.#random = random
    this.capacityBytes = capacityBytes ?? Number.POSITIVE_INFINITY
    this.#host = {
      random,
      delay,
      root: this.#root,
      locks: this.#locks,
      faultOf: (operation) => this.fault?.(operation),
      roomBytes: () => this.capacityBytes - this.usedBytes,
    }
  }

  get usedBytes(): number {
    let sum = 0
    for (const file of this.files().values()) sum += file.sizeBytes
    return sum
  }

  portFor(processName: string): Disk {
    let port = this.#ports.get(processName)
    if (port === undefined) {
      port = new DiskPort(processName, this.#host)
      this.#ports.set(processName, port)
    }
    return port
  }

  processDied(processName: string): void {
    const port = this.#ports.get(processName)
    if (port === undefined) return
    this.#ports.delete(processName)
    port.die()
    for (const [path, holder] of this.#locks) {
      if (holder === port) this.#locks.delete(path)
    }
  }

  powerLoss(): void {
    for (const name of [...this.#ports.keys()]) this.processDied(name)
    const losePower = (directory: SimulatedDirectory): void => {
      directory.losePower(this.#random)
      for (const entry of directory.entries.values()) {
        if (entry instanceof SimulatedDirectory) losePower(entry)
        else entry.losePower(this.#random)
      }
    }
    losePower(this.#root)
  }

  files(): ReadonlyMap<string, SimulatedFile> {
    return this.#collect(({ entries }) => entries)
  }

  durableFiles(): ReadonlyMap<string, SimulatedFile> {
    return this.#collect(({ durableEntries }) => durableEntries)
  }

  #collect(
    entriesOf: (directory: SimulatedDirectory) => ReadonlyMap<string, SimulatedEntry>,
  ): ReadonlyMap<string, SimulatedFile> {
    const found = new Map<string, SimulatedFile>()
    const collect = (directory: SimulatedDirectory, path: string): void => {
      for (const [name, entry] of entriesOf(directory)) {
        const inside = path === '' ? name : `${path}/${name}`
        if (entry instanceof SimulatedFile) found.set(inside, entry)
        else collect(entry, inside)
      }
    }
    collect(this.#root, '')
    return found
  }
}
