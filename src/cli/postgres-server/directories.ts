/** Directories that an unprivileged server can work in, and the cache that saves running `initdb`. */
import { execFile } from 'node:child_process'
import { chmod, lstat, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join, parse } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Others may pass through, and not look: what `mkdtemp` makes (0700) would lock the server out. */
const passThrough = 0o711

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** Whether any account can walk down to `path`. */
export async function isOpenToAll(path: string): Promise<boolean> {
  for (let at = path; at !== parse(at).root; at = dirname(at)) {
    const { mode } = await stat(at)
    if ((mode & 0o001) === 0) return false
  }
  return true
}

/** A new directory under the system's temporary one, that others may pass through. */
export async function makeTemporaryDirectory(prefix: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), prefix))
  await chmod(directory, passThrough)
  return directory
}

export async function makeOpenDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: passThrough })
  await chmod(directory, passThrough)
}

/**
 * Where templates and copied programs are kept between runs. Its name is known to all, so it is
 * used only when it is ours: somebody else could have put programs into it.
 */
export async function cacheDirectory(server: 'postgres' | 'mariadb'): Promise<string> {
  const { uid } = userInfo()
  const directory = join(tmpdir(), `assent-${server}-${uid}`)
  await mkdir(directory, { recursive: true, mode: passThrough })
  const found = await lstat(directory)
  if (!found.isDirectory() || (uid >= 0 && found.uid !== uid)) {
    throw new Error(`${directory} belongs to somebody else; remove it or set TMPDIR`)
  }
  await chmod(directory, passThrough)
  return directory
}

/**
 * A directory that `make` made in the cache, to be copied: one a day and version, so that a cleaner
 * of old files never eats part of one.
 */
export async function templateOfToday(
  server: 'postgres' | 'mariadb',
  version: string,
  make: (cache: string) => Promise<string>,
): Promise<string> {
  const cache = await cacheDirectory(server)
  const today = new Date().toISOString().slice(0, 10)
  const template = join(cache, `template-${version}-${today}`)
  if (!(await exists(template))) await moveInto(await make(cache), template)
  return template
}

/** Copies a tree with its modes and owners; complete or not there at all. */
export async function copyTree(from: string, to: string): Promise<void> {
  const temporary = await mkdtemp(`${to}-`)
  await chmod(temporary, passThrough)
  await run('cp', ['-Rp', from, join(temporary, 'tree')])
  await moveInto(join(temporary, 'tree'), to)
  await rm(temporary, { recursive: true, force: true })
}

/** Renames a finished directory into place; where another process was first, theirs stays. */
export async function moveInto(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if (!(await exists(to))) throw error
    await rm(from, { recursive: true, force: true })
  }
}
