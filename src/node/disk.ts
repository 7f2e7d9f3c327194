/** The port Disk over Node's file system. Errors are Node's own, with their codes. */
import { existsSync, write } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { constants, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { codeOf } from '../core/errors.ts'
import type { Disk, DiskFile } from '../core/ports.ts'
import { lockFile } from './disk-lock.ts'

const creating = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL

/**
 * On Linux a write with O_DSYNC is a write and an fdatasync in one call, so in one trip to Node's
 * thread pool: half as long again commits a second. Elsewhere it may mean less than fdatasync does.
 */
const writingThrough = constants.O_WRONLY | constants.O_DSYNC
const reopensThrough = process.platform === 'linux' && existsSync('/proc/self/fd')

class NodeFile implements DiskFile {
  readonly #handle: FileHandle
  /** The same file, opened for forced writes; by its descriptor, because it may be renamed. */
  #through: FileHandle | undefined

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const { bytesRead } = await this.#handle.read(bytes, done, length - done, offset + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    await writeAll(this.#handle, offset, bytes)
  }

  async writeThrough(offset: number, bytes: Uint8Array): Promise<void> {
    if (!reopensThrough) {
      await this.write(offset, bytes)
      await this.sync()
      return
    }
    this.#through ??= await open(`/proc/self/fd/${this.#handle.fd}`, writingThrough)
    await writeAll(this.#through, offset, bytes)
  }

  async sync(): Promise<void> {
    await this.#handle.datasync()
  }

  async close(): Promise<void> {
    await this.#through?.close()
    await this.#handle.close()
  }
}

async function writeAll(handle: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += await writeOnce(handle, offset, bytes, done)
}

/** By the descriptor: a handle's own method costs as much as the rest of a forced write's way. */
function writeOnce(
  { fd }: FileHandle,
  offset: number,
  bytes: Uint8Array,
  done: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, done, bytes.length - done, offset + done, (error, written) => {
      if (error === null) resolve(written)
      else reject(error)
    })
  })
}

/** Relative paths stay where they were: a later `process.chdir` does not move the log. */
export function nodeDisk(): Disk {
  const base = process.cwd()
  const at = (path: string): string => resolve(base, path)
  return {
    list: async (directory) => (await readdir(at(directory))).sort(),
    makeDirectory: (directory) => makeDirectory(at(directory)),
    open: async (path) => new NodeFile(await open(at(path), constants.O_RDONLY)),
    create: async (path) => new NodeFile(await open(at(path), creating)),
    rename: (from, to) => rename(at(from), at(to)),
    remove: (path) => rm(at(path)),
    syncDirectory: (directory) => syncDirectory(at(directory)),
    lock: (path) => lockFile(at(path)),
  }
}

/**
 * Makes what is missing of the path, and syncs each directory that got a new entry. Also when the
 * path is there already: whoever made it may have died before the sync.
 */
async function makeDirectory(path: string): Promise<void> {
  const parent = dirname(path)
  if (await isDirectory(path)) {
    await syncIfAllowed(parent)
    return
  }
  await makeDirectory(parent)
  try {
    await mkdir(path)
  } catch (error) {
    if (!(await isDirectory(path))) throw error
  }
  await syncDirectory(parent)
}

/** A parent that we may not read was made by somebody else, and long ago. */
async function syncIfAllowed(directory: string): Promise<void> {
  try {
    await syncDirectory(directory)
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS' && code !== 'EINVAL') throw error
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}

/**
 * Forces creations, renames and removals in a directory. Windows can't open a directory for this;
 * NTFS keeps its metadata in a journal, and there is nothing more to ask of it: nothing is done.
 */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
