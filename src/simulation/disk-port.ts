/**
 * One incarnation of one process at the simulated disk. Each operation takes two turns: it is
 * carried out at one, and answered at a later one; a death between them leaves it done and unknown.
 */
import type { Disk, DiskFile, DiskLock } from '../core/ports.ts'
import { SimulatedDirectory, type SimulatedEntry } from './disk-directory.ts'
import { type Chance, SimulatedFile, sectorBytes } from './disk-file.ts'
import type { DiskFault, DiskOperation } from './disk-operation.ts'

/** What the processes share. */
export interface PortHost {
  readonly random: Chance
  readonly delay: (run: () => void, processName: string) => void
  readonly root: SimulatedDirectory
  /** Who holds a lock, by its path. */
  readonly locks: Map<string, DiskPort>
  readonly faultOf: (operation: DiskOperation) => DiskFault | undefined
  readonly roomBytes: () => number
}

type Kind = DiskOperation['kind']

/** What an operation does; `fault` is set when it is to fail, and how far it gets is its matter. */
type Act<Result> = (fault: DiskFault | undefined) => Result

export class DiskPort implements Disk {
  readonly #processName: string
  readonly #host: PortHost
  /** Writes that are asked for and not carried out yet. */
  readonly #writes = new Set<() => void>()
  #isAlive = true

  constructor(processName: string, host: PortHost) {
    this.#processName = processName
    this.#host = host
  }

  /** Falls silent for ever. Writes that were on their way land in part. */
  die(): void {
    this.#isAlive = false
    for (const land of this.#writes) land()
    this.#writes.clear()
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#do('list', directory, () => this.#directory(directory).names)
  }

  async makeDirectory(directory: string): Promise<void> {
    const names = partsOf(directory)
    for (let depth = 1; depth <= names.length; depth += 1) {
      const path = names.slice(0, depth).join('/')
      const parent = names.slice(0, depth - 1).join('/')
      const isMade = await this.#do('make-directory', path, () => this.#makeOne(path))
      if (isMade || depth === names.length) await this.syncDirectory(parent)
    }
  }

  open(path: string): Promise<DiskFile> {
    return this.#do('open', path, () => this.#handle(path, this.#file(path), false))
  }

  create(path: string): Promise<DiskFile> {
    return this.#do('create', path, () => {
      const [directory, name] = this.#place(path)
      if (directory.get(name) !== undefined) throw diskError('EEXIST', path)
      const file = new SimulatedFile()
      directory.add(name, file)
      return this.#handle(path, file, true)
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do('rename', to, () => {
      const [directory, name] = this.#place(from)
      const [target, targetName] = this.#place(to)
      if (directory !== target) throw new Error('the simulated disk renames within a directory')
      directory.rename(name, targetName, this.#file(from))
    })
  }

  remove(path: string): Promise<void> {
    return this.#do('remove', path, () => {
      const [directory, name] = this.#place(path)
      this.#file(path)
      directory.remove(name)
    })
  }

  syncDirectory(path: string): Promise<void> {
    return this.#do('sync-directory', path, (fault) => {
      const directory = this.#directory(path)
      if (fault === undefined) directory.sync()
      else directory.failSync(this.#host.random)
    })
  }

  lock(path: string): Promise<DiskLock | undefined> {
    return this.#do('lock', path, () => {
      const { locks } = this.#host
      if (locks.has(path)) return undefined
      const [directory, name] = this.#place(path)
      if (directory.get(name) === undefined) directory.add(name, new SimulatedFile())
      locks.set(path, this)
      const release = (): void => {
        if (locks.get(path) === this) locks.delete(path)
      }
      return { release: () => this.#do('close', path, release) }
    })
  }

  /** Answers whether it was missing. */
  #makeOne(path: string): boolean {
    const [parent, name] = this.#place(path)
    const entry = parent.get(name)
    if (entry instanceof SimulatedFile) throw diskError('EEXIST', path)
    if (entry === undefined) parent.add(name, new SimulatedDirectory())
    return entry === undefined
  }

  #handle(path: string, file: SimulatedFile, isWritable: boolean): DiskFile {
    const write = (offset: number, bytes: Uint8Array): Promise<void> => {
      if (!isWritable) throw diskError('EBADF', path)
      return this.#write(path, file, offset, bytes.slice())
    }
    const sync = (): Promise<void> =>
      this.#do('sync', path, (fault) => {
        if (fault === undefined) file.sync()
        else file.failSync(this.#host.random)
      })
    return {
      size: () => this.#do('size', path, () => file.sizeBytes),
      read: (offset, length) => this.#do('read', path, () => file.read(offset, length)),
      write,
      sync,
      writeThrough: async (offset, bytes) => {
        await write(offset, bytes)
        await sync()
      },
      close: () => this.#do('close', path, () => undefined),
    }
  }

  #write(path: string, file: SimulatedFile, offset: number, bytes: Uint8Array): Promise<void> {
    const landSome = (): void => file.write(offset, this.#somePrefix(bytes))
    this.#writes.add(landSome)
    return this.#do('write', path, (fault) => {
      this.#writes.delete(landSome)
      const growth = Math.max(0, offset + bytes.length - file.sizeBytes)
      const code = fault ?? (growth > 0 && growth > this.#host.roomBytes() ? 'ENOSPC' : undefined)
      if (code === undefined) {
        file.write(offset, bytes)
        return
      }
      if (code !== 'ENOSPC' || growth === 0) landSome()
      throw diskError(code, path)
    })
  }

  /** Whole sectors from the start, as many as chance wants. */
  #somePrefix(bytes: Uint8Array): Uint8Array {
    const sectors = Math.ceil(bytes.length / sectorBytes) + 1
    return bytes.subarray(0, Math.floor(this.#host.random.fraction() * sectors) * sectorBytes)
  }

  #do<Result>(kind: Kind, path: string, act: Act<Result>): Promise<Result> {
    const { delay, faultOf } = this.#host
    return new Promise((resolve, reject) => {
      const whenAlive = (run: () => void): void => {
        if (this.#isAlive) delay(() => this.#isAlive && run(), this.#processName)
      }
      whenAlive(() => {
        const fault = faultOf({ process: this.#processName, kind, path })
        // Asking for the fault may have killed the process.
        if (!this.#isAlive) return
        try {
          if (fault !== undefined && !partial.has(kind)) throw diskError(fault, path)
          const result = act(fault)
          if (fault !== undefined) throw diskError(fault, path)
          whenAlive(() => resolve(result))
        } catch (error) {
          whenAlive(() => reject(error))
        }
      })
    })
  }

  #directory(path: string): SimulatedDirectory {
    let at: SimulatedEntry | undefined = this.#host.root
    for (const name of partsOf(path)) {
      at = at instanceof SimulatedDirectory ? at.get(name) : undefined
    }
    if (at instanceof SimulatedDirectory) return at
    throw diskError(at === undefined ? 'ENOENT' : 'ENOTDIR', path)
  }

  #file(path: string): SimulatedFile {
    const [directory, name] = this.#place(path)
    const entry = directory.get(name)
    if (entry instanceof SimulatedFile) return entry
    throw diskError(entry === undefined ? 'ENOENT' : 'EISDIR', path)
  }

  #place(path: string): readonly [SimulatedDirectory, string] {
    const parts = partsOf(path)
    const name = parts.pop() ?? ''
    return [this.#directory(parts.join('/')), name]
  }
}

/** Operations that do something even when they fail. */
const partial: ReadonlySet<Kind> = new Set(['write', 'sync', 'sync-directory'])

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

function diskError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, '${path}'`), { code })
}
