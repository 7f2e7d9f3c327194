/**
 * Where the control socket of a slot is, so that only the owner of the log can reach it.
 *
 *     transactions/slot-0/control/           mode 0700: who may not enter it can't connect
 *     transactions/slot-0/control/socket     the socket
 *     transactions/slot-0/control/address    the socket's path, from here or absolute
 *
 * The socket is beside the log so that who can see the one can see the other, whatever private
 * `/tmp` or container a process has. Where the path is longer than a socket's may be, or the file
 * system has no sockets, it is in a private directory of the system's temporary one.
 */
import { randomBytes } from 'node:crypto'
import {
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rm,
  rmdir,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { codeOf } from '../core/errors.ts'

const controlName = 'control'
const socketName = 'socket'
const addressName = 'address'
const temporaryPrefix = 'assent-control-'
const pipePrefix = String.raw`\\.\pipe\assent-`

/** `sun_path` has 104 bytes on macOS and 108 on Linux, the zero at its end included. */
const pathBytesMax = 103

/** A place for a socket, private to this account. */
export interface SocketPlace {
  readonly path: string
  /** Lets others find the socket; called once it listens. */
  announce(): Promise<void>
  /** Removes what was made here. */
  remove(): Promise<void>
}

/**
 * Places to try, best first, for a slot whose lock this process holds. What a dead process left of
 * its own socket is removed.
 */
export async function* socketPlaces(slotDirectory: string): AsyncGenerator<SocketPlace> {
  const control = join(await realpath(slotDirectory), controlName)
  await removeLeftover(control)
  await mkdir(control, { mode: 0o700 })
  const announced = (path: string, address: string): SocketPlace => ({
    path,
    announce: () => writeFile(join(control, addressName), `${address}\n`, { mode: 0o600 }),
    remove: async () => {
      await removeTemporary(path)
      await removeLeftover(control)
    },
  })
  if (process.platform === 'win32') {
    const pipe = `${pipePrefix}${randomBytes(16).toString('hex')}`
    yield announced(pipe, pipe)
    return
  }
  const beside = join(control, socketName)
  if (Buffer.byteLength(beside) <= pathBytesMax) yield announced(beside, socketName)
  const path = join(await mkdtemp(join(tmpdir(), temporaryPrefix)), socketName)
  if (Buffer.byteLength(path) <= pathBytesMax) yield announced(path, path)
  await removeTemporary(path)
  await removeLeftover(control)
}

/** A socket, or why there is none to ask. */
export type FoundSocket = { readonly path: string } | { readonly problem: string }

/** Finds the socket of a slot; it may be a dead process's. */
export async function findSocket(slotDirectory: string): Promise<FoundSocket> {
  const control = join(slotDirectory, controlName)
  try {
    const address = await readAddress(control)
    const path = resolve(control, address)
    if (address.startsWith(pipePrefix)) return { path: address }
    // A name in a temporary directory is anybody's to take once its owner is gone.
    const [socket, owned] = await Promise.all([stat(path), stat(control)])
    if (socket.isSocket() && socket.uid === owned.uid) return { path }
    return { problem: 'what is in the place of its control socket is not its own' }
  } catch (cause) {
    if (codeOf(cause) === 'EACCES') return { problem: 'only its own account may ask it' }
    return { problem: 'it has no control socket' }
  }
}

async function readAddress(control: string): Promise<string> {
  return (await readFile(join(control, addressName), 'utf8')).trim()
}

async function removeLeftover(control: string): Promise<void> {
  const address = await readAddress(control).catch(() => undefined)
  if (address !== undefined) await removeTemporary(resolve(control, address))
  await rm(control, { recursive: true, force: true })
}

/** Removes a socket in a temporary directory of ours, and nothing else, whatever the path says. */
async function removeTemporary(path: string): Promise<void> {
  const directory = dirname(path)
  if (!basename(directory).startsWith(temporaryPrefix) || basename(path) !== socketName) return
  await unlink(path).catch(() => undefined)
  await rmdir(directory).catch(() => undefined)
}
