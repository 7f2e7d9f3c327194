/** The real disk, wrapped: it tells of each operation, and fails where it is told to. */
import type { Disk, DiskFile } from '../../../src/core/ports.ts'
import type { CrashWatch } from './crash-watch.ts'
import type { DiskFault, DiskOperation } from './settings.ts'

/** What the wrapped disk was asked to do, and what it is to refuse. */
export class DiskWatch {
  readonly #watch: CrashWatch
  readonly calls: Partial<Record<DiskOperation, number>> = {}
  fault: DiskFault | undefined

  constructor(watch: CrashWatch) {
    this.#watch = watch
  }

  async around<Result>(
    operation: DiskOperation,
    path: string,
    run: () => Promise<Result>,
  ): Promise<Result> {
    this.calls[operation] = (this.calls[operation] ?? 0) + 1
    this.#watch.at({ on: 'disk', operation, moment: 'before', path })
    const { fault } = this
    if (fault?.operation === operation) {
      throw Object.assign(new Error(`${fault.code}: a fault of the test`), { code: fault.code })
    }
    const result = await run()
    this.#watch.at({ on: 'disk', operation, moment: 'after', path })
    return result
  }

  /** The beginning of a write has been done. */
  torn(path: string): void {
    this.#watch.at({ on: 'disk', operation: 'write', moment: 'torn', path })
  }
}

export function watchedDisk(disk: Disk, watch: DiskWatch): Disk {
  return {
    list: (directory) => disk.list(directory),
    makeDirectory: (directory) => disk.makeDirectory(directory),
    open: (path) => disk.open(path),
    create: (path) =>
      watch.around('create', path, async () => watchedFile(await disk.create(path), path, watch)),
    rename: (from, to) => watch.around('rename', to, () => disk.rename(from, to)),
    remove: (path) => watch.around('remove', path, () => disk.remove(path)),
    syncDirectory: (directory) =>
      watch.around('syncDirectory', directory, () => disk.syncDirectory(directory)),
    lock: (path) => disk.lock(path),
  }
}

function watchedFile(file: DiskFile, path: string, watch: DiskWatch): DiskFile {
  const write = (offset: number, bytes: Uint8Array): Promise<void> =>
    watch.around('write', path, async () => {
      // A batch is padded with zeros to whole sectors: the tear has to be in what says something.
      const tear = bytes.length >> 3
      await file.write(offset, bytes.subarray(0, tear))
      watch.torn(path)
      await file.write(offset + tear, bytes.subarray(tear))
    })
  const sync = (): Promise<void> => watch.around('sync', path, () => file.sync())
  return {
    size: () => file.size(),
    read: (offset, length) => file.read(offset, length),
    write,
    // In its two steps, so that there is a moment between them.
    writeThrough: async (offset, bytes) => {
      await write(offset, bytes)
      await sync()
    },
    sync,
    close: () => file.close(),
  }
}
