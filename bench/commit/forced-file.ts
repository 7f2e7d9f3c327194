/** A file to which lines are forced; all that wait share one write and one sync. */
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'

export async function openForcedFile(directory: string): Promise<ForcedFile> {
  return new ForcedFile(await open(join(directory, 'decisions'), 'a'))
}

export class ForcedFile {
  readonly #file: FileHandle
  #lines: string[] = []
  #next: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()
  forcedWrites = 0

  constructor(file: FileHandle) {
    this.#file = file
  }

  /** Resolves when the line is on the disk. */
  force(line: string): Promise<void> {
    this.#lines.push(line)
    this.#next ??= this.#afterRunning()
    return this.#next
  }

  async close(): Promise<void> {
    await this.#running
    await this.#file.close()
  }

  #afterRunning(): Promise<void> {
    this.#running = this.#running.then(() => this.#write())
    return this.#running
  }

  async #write(): Promise<void> {
    const lines = this.#lines
    this.#lines = []
    this.#next = undefined
    await this.#file.write(`${lines.join('\n')}\n`)
    await this.#file.datasync()
    this.forcedWrites += 1
  }
}
