/**
 * An installation as an operator finds it: the logs of its directory, and the live processes that
 * hold them. A live process is asked, because it alone knows how things stand this instant; a log
 * that nobody holds is read.
 */
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { messageOf } from '../../core/errors.ts'
import type { InstallationName, LogIdentity } from '../../core/ids.ts'
import { type FileLogsReading, readFileLogs, type SlotReading } from '../../log/file/read.ts'
import { findSocket } from '../../node/control-socket-address.ts'
import { askControlSocket } from '../../node/control-socket-client.ts'
import {
  type ControlReply,
  type ControlRequest,
  type ControlResults,
  controlLimits,
  type ProcessReport,
} from '../../node/control-socket-protocol.ts'
import { nodeDisk } from '../../node/disk.ts'
import type { Arguments } from '../arguments.ts'
import { CommandFailure, UsageError } from '../failures.ts'

const directoryDefault = './transactions'

/** A live process that answers. */
export interface LiveProcess {
  readonly socket: string
  readonly report: ProcessReport
}

export interface Slot {
  readonly reading: SlotReading
  /** Who holds it and answers for it. */
  readonly process: LiveProcess | undefined
  /** Why the process that holds it does not answer; undefined where nobody holds it, or it does. */
  readonly silence: string | undefined
}

export interface Installation {
  readonly directory: string
  readonly name: InstallationName
  readonly slots: readonly Slot[]
  readonly processes: readonly LiveProcess[]
}

/** Reads the log that is meant. Throws `UsageError` where there is none. */
export async function readInstallation(given: Arguments): Promise<Installation> {
  const directory = await readDirectoryName(given)
  const reading = await readDirectory(directory)
  const asked = await Promise.all(reading.slots.map(askSlot))
  const processes = asked.flatMap(({ process }) => process ?? [])
  const slots = reading.slots.map((each, index): Slot => {
    const holder = processes.find(({ report }) => holds(report, each))
    const isSilent = holder === undefined && each.isHeld !== false
    const silence = isSilent ? (asked[index]?.problem ?? 'it is being opened or closed') : undefined
    return { reading: each, process: holder, silence }
  })
  return { directory, name: reading.installation, slots, processes }
}

/** The slot of a log; undefined when the log is not in this directory. */
export function slotOf({ slots }: Installation, identity: LogIdentity): Slot | undefined {
  return slots.find(({ reading }) => reading.log?.identity === identity)
}

/** Asks a live process; what it can't do is its reply, what it does not say a `CommandFailure`. */
export async function askProcess(
  { socket, report }: LiveProcess,
  request: ControlRequest,
): Promise<ControlReply> {
  try {
    return await askControlSocket(socket, request)
  } catch (cause) {
    throw new CommandFailure(
      `process ${report.pid} did not answer: ${messageOf(cause)}; ` +
        'run `assent show` to see what became of it',
      { cause },
    )
  }
}

/** Where the log is: by `--log`, by a configuration that is named, or by one that is here. */
async function readDirectoryName(given: Arguments): Promise<string> {
  const [log, file] = [given.text('log'), given.text('config')]
  if (log !== undefined && file !== undefined) {
    throw new UsageError('--log and --config both say where the log is: give one of them')
  }
  if (log !== undefined) return log
  const { loadConfiguration, locate } = await import('../../config/load.ts')
  if (file === undefined && (await locate({})) === undefined) return directoryDefault
  const loaded = await loadConfiguration({ file })
  if (loaded.log !== undefined) return loaded.log
  throw new UsageError(
    `${loaded.file} keeps the decisions in '${loaded.configuration.decisions?.in}', and no log here: ` +
      'ask the application, by coordinator.inDoubt(), resolve and forget',
  )
}

async function readDirectory(directory: string): Promise<FileLogsReading> {
  const found = await stat(directory).catch(() => undefined)
  const reading = found?.isDirectory() ? await readFileLogs(nodeDisk(), directory) : undefined
  if (reading !== undefined) return reading
  throw new UsageError(`there is no decision log in ${directory}; name its directory with --log`)
}

async function askSlot(
  slot: SlotReading,
): Promise<{ readonly process?: LiveProcess; readonly problem?: string }> {
  if (slot.isHeld === false) return {}
  const found = await findSocket(slot.location)
  if ('problem' in found) return found
  const { path } = found
  try {
    const reply = await askControlSocket(path, { command: 'list' }, controlLimits.listMs)
    if (!reply.ok) return { problem: reply.message }
    return { process: { socket: path, report: reply.result as ControlResults['list'] } }
  } catch (cause) {
    return { problem: messageOf(cause) }
  }
}

/** By the slot's name: the process may know the directory by another path. */
function holds({ logs }: ProcessReport, { location }: SlotReading): boolean {
  return logs.some((log) => basename(log) === basename(location))
}
