/**
 * The files of one slot, as this process made or found them.
 *
 * Keeps A8 and A11 when the lock was lost by accident: a file that nobody here made tells that
 * another process has opened the slot, and this one must stop before it replaces anything.
 */
import { invariant } from '../../core/invariant.ts'
import { type Disk, joinPath } from '../../core/ports.ts'
import { ignoreFailure } from './durable-file.ts'
import { fileName, type LogFileKind, parseFileName } from './layout.ts'
import { listFiles } from './slot-contents.ts'

export class Inventory {
  readonly #disk: Disk
  readonly #directory: string
  /** Sizes in bytes by name; 0 while a file is being made. */
  readonly #sizes = new Map<string, number>()
  /** Files up to this number are replaced by a checkpoint; they may still be there. */
  #replaced = 0

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  get sizeBytes(): number {
    let sum = 0
    for (const size of this.#sizes.values()) sum += size
    return sum
  }

  /** Notes a file that is there. */
  note(kind: LogFileKind, number: number, sizeBytes: number): void {
    this.#sizes.set(fileName(kind, number), sizeBytes)
  }

  /** Notes a file that is about to be made: whatever exists under its name must not be replaced. */
  reserve(kind: LogFileKind, number: number): void {
    const name = fileName(kind, number)
    const isFree = number >= this.#replaced && (this.#sizes.get(name) ?? 0) === 0
    invariant(isFree, 'log', 'a file would be made a second time', name)
    this.#sizes.set(name, 0)
  }

  /** Rejects when the slot holds a file that is not of this process. */
  async guard(): Promise<void> {
    for (const { name, number } of await listFiles(this.#disk, this.#directory)) {
      if (this.#sizes.has(name) || number <= this.#replaced) continue
      const path = joinPath(this.#directory, name)
      throw new Error(`another process has opened this slot and made ${path}: the lock was lost`)
    }
  }

  /** Removes what a checkpoint replaces. What can't be removed now is removed at the next open. */
  async removeReplaced(checkpoint: number): Promise<void> {
    const kept = fileName('checkpoint', checkpoint)
    this.#replaced = checkpoint
    for (const name of [...this.#sizes.keys()]) {
      if ((parseFileName(name)?.number ?? checkpoint) <= checkpoint && name !== kept) {
        await this.remove(name)
      }
    }
  }

  async remove(name: string): Promise<void> {
    this.#sizes.delete(name)
    await ignoreFailure(this.#disk.remove(joinPath(this.#directory, name)))
  }
}
