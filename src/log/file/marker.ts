/**
 * The file `assent-log`, which makes a directory a log directory of one installation.
 *
 * Keeps A7: a directory of another installation is refused before anything in it is touched. It is
 * made once, under a lock of its own, so two processes that start together don't make two.
 */
import { AssentError, codeOf } from '../../core/errors.ts'
import type { InstallationName } from '../../core/ids.ts'
import { type Clock, type Disk, joinPath, type Timers } from '../../core/ports.ts'
import { makeDurableFile } from './durable-file.ts'
import { logCorrupt, logIncompatible } from './failures.ts'
import { decodeFileHeader, encodeFileHeader } from './file-header.ts'
import { markerLockName, markerName } from './layout.ts'
import { listSlots, readWhole } from './slot-contents.ts'

/** How often, and how long apart, another process is waited for that makes the marker. */
const attemptsMax = 200
const attemptMs = 25

/** The installation that a directory belongs to; undefined where there is no log. */
export async function readMarker(
  disk: Disk,
  directory: string,
): Promise<InstallationName | undefined> {
  const path = joinPath(directory, markerName)
  const found = await markedIn(disk, path)
  if (found !== undefined) return found
  if ((await listSlots(disk, directory)).length === 0) return undefined
  // Another process may have made both since the first look: the marker is made before any slot.
  const since = await markedIn(disk, path)
  if (since !== undefined) return since
  throw logCorrupt(path, 0, 'this file is missing, and there are slots beside it')
}

async function markedIn(disk: Disk, path: string): Promise<InstallationName | undefined> {
  try {
    return decodeFileHeader(path, await readWhole(disk, path)).installation
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return undefined
  }
}

export interface MarkerOptions {
  readonly disk: Disk
  readonly timers: Timers
  readonly clock: Clock
  readonly directory: string
  readonly installation: InstallationName
}

/** Makes sure that the directory is this installation's, and makes the marker where it is new. */
export async function claimDirectory(options: MarkerOptions): Promise<void> {
  const { disk, directory, installation } = options
  await disk.makeDirectory(directory)
  const found = (await readMarker(disk, directory)) ?? (await makeMarker(options))
  if (found === installation) return
  const path = joinPath(directory, markerName)
  throw logIncompatible(
    path,
    `says that this log belongs to the installation '${found}', and not to '${installation}'. ` +
      `Open it under the name '${found}', or give '${installation}' a directory of its own.`,
  )
}

async function makeMarker(options: MarkerOptions): Promise<InstallationName> {
  const { disk, directory, installation, clock } = options
  const lock = await lockPatiently(options)
  try {
    const other = await readMarker(disk, directory)
    if (other !== undefined) return other
    const header = encodeFileHeader({
      kind: 'marker',
      installation,
      identity: '',
      slot: 0,
      number: 0,
      epoch: 0,
      wallMs: clock.wallMs(),
      sizeBytes: 0,
      follows: { sequence: 0, checksum: 0 },
    })
    const made = await makeDurableFile(disk, directory, markerName, (file) => file.write(0, header))
    await made.close()
    return installation
  } finally {
    await lock.release()
  }
}

async function lockPatiently({
  disk,
  timers,
  directory,
}: MarkerOptions): Promise<{ release(): Promise<void> }> {
  const path = joinPath(directory, markerLockName)
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const lock = await disk.lock(path)
    if (lock !== undefined) return lock
    await pause(timers, attemptMs)
  }
  throw new AssentError('ASSENT_LOG_BUSY', `Another process has held ${path} for too long.`, {
    directory,
    slots: 0,
  })
}

/** Answers after `delayMs`. */
export function pause(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.set(delayMs, resolve)
  })
}
