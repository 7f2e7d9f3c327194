/**
 * Makes a file that is whole and durable from the moment it has its name.
 *
 * The crash: killed or cut off anywhere, there is either no file of that name or all of it, and a
 * file ending in `.tmp` that the next open removes. After a failed sync the file is given up and
 * never synced again (A11); another attempt makes another file.
 */
import { type Disk, type DiskFile, joinPath } from '../../core/ports.ts'
import { temporaryEnding } from './layout.ts'

/**
 * Writes a file through `write`, syncs it, names it, and syncs the directory. Answers the open file.
 * When anything fails, what was made is removed if the disk allows, and the cause is thrown.
 */
export async function makeDurableFile(
  disk: Disk,
  directory: string,
  name: string,
  write: (file: DiskFile) => Promise<void>,
): Promise<DiskFile> {
  const temporary = joinPath(directory, `${name}${temporaryEnding}`)
  await ignoreFailure(disk.remove(temporary)) // an earlier attempt that could not clean up
  const file = await disk.create(temporary)
  try {
    await write(file)
    await file.sync()
    await disk.rename(temporary, joinPath(directory, name))
  } catch (cause) {
    await ignoreFailure(file.close())
    await ignoreFailure(disk.remove(temporary))
    throw cause
  }
  try {
    await disk.syncDirectory(directory)
  } catch (cause) {
    await ignoreFailure(file.close())
    throw cause
  }
  return file
}

/** Removes what unfinished attempts left; the caller holds the lock, so nobody is writing them. */
export async function removeTemporaries(disk: Disk, directory: string): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (name.endsWith(temporaryEnding)) await disk.remove(joinPath(directory, name))
  }
}

/** For cleaning up: what can't be removed or closed now harms nobody. */
export async function ignoreFailure(attempt: Promise<unknown>): Promise<void> {
  try {
    await attempt
  } catch {
    // The first failure is the one that is told.
  }
}
