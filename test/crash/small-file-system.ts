/** A file system that is soon full: a tmpfs, where the machine lets us mount one. */
import { execFile } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const pieceBytes = 4096

export class SmallFileSystem {
  readonly directory: string

  /** Undefined where this process may not mount one. */
  static async mount(sizeBytes: number): Promise<SmallFileSystem | undefined> {
    if (process.platform !== 'linux') return undefined
    const directory = await mkdtemp(join(tmpdir(), 'assent-small-disk-'))
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=700`, 'tmpfs', directory])
    } catch {
      await rm(directory, { recursive: true, force: true })
      return undefined
    }
    return new SmallFileSystem(directory)
  }

  private constructor(directory: string) {
    this.directory = directory
  }

  /** Takes all the room that is left; again and again, because a log gives room back, too. */
  async fill(): Promise<void> {
    const file = await open(this.#filler, 'a')
    try {
      for (;;) await file.write(new Uint8Array(pieceBytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      await file.close()
    }
  }

  async free(): Promise<void> {
    await rm(this.#filler)
  }

  /** Unmounts it, whoever still has a file open there. */
  async remove(): Promise<void> {
    await run('umount', ['--lazy', this.directory])
    await rm(this.directory, { recursive: true, force: true })
  }

  get #filler(): string {
    return join(this.directory, 'filler')
  }
}
