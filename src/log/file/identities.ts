/**
 * The identities of the logs of a directory, whoever holds them.
 *
 * Keeps A7: a branch of a sibling's log is that sibling's to finish, or its adopter's. Reading
 * changes nothing; a slot whose header can't be read is left out, and shows elsewhere.
 */
import type { LogIdentity } from '../../core/ids.ts'
import { type Disk, joinPath } from '../../core/ports.ts'
import { decodeFileHeader } from './file-header.ts'
import { sectorBytes } from './format.ts'
import { slotDirectory } from './layout.ts'
import { listFiles, listSlots } from './slot-contents.ts'

export async function readIdentities(disk: Disk, directory: string): Promise<LogIdentity[]> {
  const found: LogIdentity[] = []
  for (const slot of await listSlots(disk, directory)) {
    const identity = await identityOf(disk, slotDirectory(directory, slot))
    if (identity !== undefined) found.push(identity)
  }
  return found
}

async function identityOf(disk: Disk, directory: string): Promise<LogIdentity | undefined> {
  try {
    const newest = (await listFiles(disk, directory)).at(-1)
    if (newest === undefined) return undefined
    const path = joinPath(directory, newest.name)
    const file = await disk.open(path)
    try {
      const { identity } = decodeFileHeader(path, await file.read(0, sectorBytes))
      return identity === '' ? undefined : identity
    } finally {
      await file.close()
    }
  } catch {
    return undefined // gone meanwhile, or damaged: whoever opens it will say so
  }
}
