/** Where a log's directory is, or would be made: whether this account can use it, and what is below. */
import { access, constants, readdir, stat, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { codeOf, messageOf } from '../core/errors.ts'
import type { FileSystem } from '../doctor/survey.ts'

/**
 * Why this account can't use a directory; undefined when it can, or can make it. On Windows rights
 * are not seen in advance: only a file in the place of the directory, and a missing drive.
 */
export async function placeProblem(directory: string): Promise<string | undefined> {
  const place = await nearest(directory)
  try {
    if (!(await stat(place)).isDirectory()) return `${place} is not a directory`
    await access(place, constants.R_OK | constants.W_OK | constants.X_OK)
    return undefined
  } catch (cause) {
    return messageOf(cause)
  }
}

/** Undefined where the platform does not tell. */
export async function fileSystemOf(directory: string): Promise<FileSystem | undefined> {
  try {
    const { type, bavail, bsize, files, ffree } = await statfs(await nearest(directory))
    return {
      platform: process.platform,
      type: type >>> 0,
      freeBytes: bavail * bsize,
      // Btrfs and others make the places for files as they go, and say none of none.
      freeFiles: files > 0 ? ffree : undefined,
    }
  } catch {
    return undefined
  }
}

/** Bytes of the files of a directory; those that go meanwhile count nothing. */
export async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => [])
  const sizes = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(directory, name)).catch(() => undefined)
      return found?.isFile() ? found.size : 0
    }),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** The directory, or the one above it that is there. */
async function nearest(directory: string): Promise<string> {
  let place = resolve(directory)
  while (dirname(place) !== place) {
    try {
      await stat(place)
      return place
    } catch (cause) {
      if (codeOf(cause) !== 'ENOENT') return place
      place = dirname(place)
    }
  }
  return place
}
