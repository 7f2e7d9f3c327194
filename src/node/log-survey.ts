/**
 * Looks at the directory of a decision log for the doctor, and changes nothing.
 *
 * The lock of each slot is tried, and given back at once where it was free: only so is a process
 * that died told from one that hangs. A lock that is held is not touched by that.
 */
import { basename } from 'node:path'
import { isAssentError, messageOf } from '../core/errors.ts'
import { formatTransactionId, type InstallationName } from '../core/ids.ts'
import type { LogSurvey, SlotSurvey } from '../doctor/survey.ts'
import { segmentBytesDefault } from '../log/file/format.ts'
import { type FileLogsReading, readFileLogs, type SlotReading } from '../log/file/read.ts'
import { findSocket } from './control-socket-address.ts'
import { askControlSocket } from './control-socket-client.ts'
import {
  type ControlResults,
  controlLimits,
  type ProcessReport,
} from './control-socket-protocol.ts'
import { nodeDisk } from './disk.ts'
import { fileSystemOf, placeProblem, sizeOf } from './log-place.ts'

/** `own` are the slots that this very process holds: it is neither asked nor called silent. */
export async function surveyLog(directory: string, own: readonly string[]): Promise<LogSurvey> {
  const [problem, fileSystem, read] = await Promise.all([
    placeProblem(directory),
    fileSystemOf(directory),
    readLogs(directory),
  ])
  const slots = read.reading === undefined ? [] : await surveySlots(read.reading, own)
  return {
    directory,
    installation: read.reading?.installation,
    problem: problem ?? read.problem,
    damage: read.damage,
    fileSystem,
    segmentBytes: segmentBytesDefault,
    slots,
  }
}

interface ReadLogs {
  readonly reading?: FileLogsReading | undefined
  readonly problem?: string
  readonly damage?: string
}

async function readLogs(directory: string): Promise<ReadLogs> {
  try {
    return { reading: await readFileLogs(nodeDisk(), directory) }
  } catch (cause) {
    const isDamage = isAssentError(cause) && cause.code !== 'ASSENT_INVALID_OPTION'
    return isDamage ? { damage: messageOf(cause) } : { problem: messageOf(cause) }
  }
}

type Asked = { readonly report: ProcessReport } | { readonly problem: string }

async function surveySlots(
  { installation, slots }: FileLogsReading,
  own: readonly string[],
): Promise<SlotSurvey[]> {
  const isOwn = ({ location }: SlotReading): boolean => own.some(sameName(location))
  const asked = await Promise.all(slots.map((slot) => (isOwn(slot) ? undefined : askHolder(slot))))
  const reports = asked.flatMap((each) =>
    each !== undefined && 'report' in each ? each.report : [],
  )
  return await Promise.all(
    slots.map(async (slot, index): Promise<SlotSurvey> => {
      const holder = reports.find(({ logs }) => logs.some(sameName(slot.location)))
      const answer = asked[index]
      const isSilent = slot.isHeld === true && holder === undefined && !isOwn(slot)
      const why = answer !== undefined && 'problem' in answer ? answer.problem : 'it gave it up'
      return {
        ...surveyOf(slot, installation, holder),
        pid: holder?.pid ?? (isOwn(slot) ? process.pid : undefined),
        silence: isSilent ? why : undefined,
        problem: slot.problem?.message ?? (await placeProblem(slot.location)),
        sizeBytes: await sizeOf(slot.location),
      }
    }),
  )
}

async function askHolder({ location, isHeld }: SlotReading): Promise<Asked | undefined> {
  if (isHeld === false) return undefined
  const found = await findSocket(location)
  if ('problem' in found) return found
  try {
    const reply = await askControlSocket(found.path, { command: 'list' }, controlLimits.listMs)
    if (!reply.ok) return { problem: reply.message }
    return { report: reply.result as ControlResults['list'] }
  } catch (cause) {
    return { problem: messageOf(cause) }
  }
}

/** What a live process says of its slot, or else what is written there. */
function surveyOf(
  { slot, location, isHeld, log }: SlotReading,
  installation: InstallationName,
  holder: ProcessReport | undefined,
): Omit<SlotSurvey, 'pid' | 'silence' | 'problem' | 'sizeBytes'> {
  const told = holder?.transactions.filter((each) => sameName(location)(each.log))
  const unfinished = log?.unfinished ?? []
  // What an unheld log calls held is so; in one that is in use it may be under way.
  const heldIds =
    isHeld === false && log !== undefined
      ? unfinished
          .filter(({ intent, decided, heuristics, resolved, settled, forgotten }) => {
            const isHeldBack = intent !== undefined && decided === undefined && !settled
            return (isHeldBack && resolved.length === 0) || (heuristics.length > 0 && !forgotten)
          })
          .map(({ transaction }) => {
            return formatTransactionId({ installation, log: log.identity, ...transaction })
          })
      : []
  return {
    slot,
    location,
    identity: log?.identity,
    isHeld,
    closed: log?.closed,
    unfinished: told?.length ?? unfinished.length,
    awaited: told?.filter(awaitsOperator).map(({ id }) => id) ?? heldIds,
    resources: (log?.resources ?? []).map(({ name, fingerprint }) => ({ name, fingerprint })),
  }
}

function awaitsOperator({ state }: ProcessReport['transactions'][number]): boolean {
  return state === 'held' || state === 'heuristic'
}

/** By the slot's name: a process may know the directory by another path. */
function sameName(location: string): (other: string) => boolean {
  return (other) => basename(other) === basename(location)
}
