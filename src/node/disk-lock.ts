/**
 * A lock that dies with its process, without a native addon: an exclusive transaction of the SQLite
 * that is part of Node, on an empty file that is never written.
 *
 * SQLite locks with `fcntl` on Unix and `LockFileEx` on Windows, and keeps the books that `fcntl`
 * does not: two holders inside one process exclude each other too, worker threads included.
 * `docs/decisions/log-lock.md` tells why it is this, and what was tried.
 *
 * `fcntl` has a trap: when a process closes any descriptor of a file, all its locks on that file are
 * gone. So nothing in this process may open the lock file except through here.
 */
import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { DiskLock } from '../core/ports.ts'

type SqliteModule = typeof import('node:sqlite')

const sqliteBusy = 5
const sqliteReadOnly = 8
const sqliteIoError = 10
const sqliteCantOpen = 14
const sqliteNoDatabase = 26

/** Keeps what is held from the garbage collector, which would close it and so unlock it. */
const held = new Set<DatabaseSync>()

let loaded: SqliteModule | undefined

/** Takes the lock of `path`, or answers undefined while any process has it, this one included. */
export async function lockFile(path: string): Promise<DiskLock | undefined> {
  const { DatabaseSync } = loadSqlite()
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
    // The journal would be a second file, and stay behind when the process is killed.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    database?.close()
    const code = primaryCode(cause)
    if (code === sqliteBusy) return undefined
    throw await explain(path, code, cause)
  }
  const lock = database
  held.add(lock)
  return {
    release: async () => {
      if (held.delete(lock)) lock.close()
    },
  }
}

/** SQLite's result code without the extension in its upper bytes. */
function primaryCode(cause: unknown): number | undefined {
  if (typeof cause !== 'object' || cause === null || !('errcode' in cause)) return undefined
  return typeof cause.errcode === 'number' ? cause.errcode % 256 : undefined
}

async function explain(path: string, code: number | undefined, cause: unknown): Promise<unknown> {
  if (code === sqliteCantOpen) {
    // Node's own error says best what is wrong with the directory.
    await access(dirname(path), constants.W_OK)
    return failure('EACCES', `The lock file ${path} can't be opened`, cause)
  }
  if (code === sqliteReadOnly) return failure('EROFS', `The lock file ${path} is read-only`, cause)
  if (code === sqliteIoError) {
    return failure('ENOLCK', `The file system of ${path} has no locks: use a local disk`, cause)
  }
  if (code === sqliteNoDatabase) {
    return failure('EACCES', `The file ${path} is no lock: something was written to it`, cause)
  }
  return cause
}

function failure(code: string, message: string, cause: unknown): Error {
  return Object.assign(new Error(`${code}: ${message}`, { cause }), { code })
}

/** Loads SQLite when it is first needed, without the warning that it is experimental. */
function loadSqlite(): SqliteModule {
  if (loaded !== undefined) return loaded
  const warn = process.emitWarning
  // Loading is synchronous, so no other warning can be lost meanwhile.
  process.emitWarning = ((warning: string | Error, ...rest: never[]): void => {
    const [type] = rest as readonly unknown[]
    const isExpected = type === 'ExperimentalWarning' && /sqlite/i.test(String(warning))
    if (!isExpected) warn.call(process, warning, ...rest)
  }) as typeof process.emitWarning
  try {
    loaded = process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = warn
  }
  if (loaded === undefined) {
    throw failure('ENOTSUP', 'This Node was built without SQLite, which keeps the lock', undefined)
  }
  return loaded
}
