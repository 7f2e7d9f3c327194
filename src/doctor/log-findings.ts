/** What a survey of the log's directory means. */
import type { ReportedFinding } from '../core/findings.ts'
import { judgeFileSystem, quoted } from './file-systems.ts'
import type { LogSurvey, SlotSurvey } from './survey.ts'
import { bytesOf, counted, listOf } from './wording.ts'

/** How the application opens the log. */
export interface LogExpectation {
  readonly installation: string
  /** How many processes may share it. */
  readonly slots: number
  /** How many bytes each may keep of outcomes. */
  readonly retentionBytes: number
}

/** A log writes on in one segment while the next is made. */
const segmentsAhead = 2

export function judgeLog(survey: LogSurvey, expected: LogExpectation): ReportedFinding[] {
  const fileSystem = judgeFileSystem(survey)
  return [
    ...judgeAccess(survey, expected),
    ...(fileSystem === undefined ? [] : [fileSystem]),
    ...judgeSpace(survey, expected),
    ...judgeSlots(survey, expected),
    ...survey.slots.flatMap((slot) => judgeSlot(slot, survey.directory)),
  ]
}

function judgeAccess(survey: LogSurvey, { installation }: LogExpectation): ReportedFinding[] {
  const { directory, problem, damage } = survey
  const found: ReportedFinding[] = []
  if (problem !== undefined) {
    found.push({
      id: 'log-unusable',
      found: `${directory} can not be used by this account: ${problem}`,
      look: `ls -ld ${quoted(directory)}; id`,
    })
  }
  if (damage !== undefined) found.push({ id: 'log-damaged', found: damage })
  if (survey.installation !== undefined && survey.installation !== installation) {
    found.push({
      id: 'log-of-another-installation',
      found: `${directory} belongs to '${survey.installation}', and not to '${installation}'`,
    })
  }
  return found
}

function judgeSpace(
  { directory, fileSystem, segmentBytes, slots }: LogSurvey,
  { retentionBytes }: LogExpectation,
): ReportedFinding[] {
  if (fileSystem === undefined) return []
  const { freeBytes, freeFiles } = fileSystem
  const look = `df -h ${quoted(directory)}; df -i ${quoted(directory)}`
  if (freeFiles !== undefined && freeFiles < segmentsAhead) {
    const found = `the file system of ${directory} can take no more files`
    return [{ id: 'log-space-out', found, look }]
  }
  const nowBytes = segmentsAhead * segmentBytes
  if (freeBytes < nowBytes) {
    const found =
      `${bytesOf(freeBytes)} are free under ${directory}, and the next files take ` +
      bytesOf(nowBytes)
    return [{ id: 'log-space-out', found, look }]
  }
  const processes = Math.max(1, slots.filter(({ isHeld }) => isHeld === true).length)
  const usedBytes = slots.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const growsToBytes = processes * (retentionBytes + nowBytes)
  if (freeBytes + usedBytes >= growsToBytes) return []
  const found =
    `${bytesOf(freeBytes)} are free under ${directory}, and the log of ` +
    `${counted(processes, 'process', 'processes')} may grow to ${bytesOf(growsToBytes)}`
  return [{ id: 'log-space-low', found, look }]
}

function judgeSlots({ slots, directory }: LogSurvey, expected: LogExpectation): ReportedFinding[] {
  const held = slots.filter(({ isHeld }) => isHeld === true)
  if (held.length < expected.slots) return []
  const found = `live processes hold all ${expected.slots} slots of ${directory}`
  return [{ id: 'log-slots-taken', found, look: listCommand(directory) }]
}

function judgeSlot(slot: SlotSurvey, directory: string): ReportedFinding[] {
  const { location, isHeld, silence, problem, awaited } = slot
  const found: ReportedFinding[] = []
  if (problem !== undefined) found.push({ id: 'log-damaged', found: `${location}: ${problem}` })
  if (isHeld === true && silence !== undefined) {
    found.push({
      id: 'log-process-silent',
      found: `a live process holds ${location} and does not answer (${silence})`,
      look: listCommand(directory),
    })
  }
  const left = abandoned(slot)
  if (left !== undefined) {
    found.push({ id: 'log-abandoned', found: left, look: listCommand(directory) })
  }
  if (awaited.length > 0) {
    found.push({
      id: 'operator-awaited',
      found:
        `${counted(awaited.length, 'transaction waits', 'transactions wait')} for an operator: ` +
        listOf(awaited, 3),
      look: `assent show ${awaited[0]} --log ${quoted(directory)}`,
    })
  }
  return found
}

/**
 * What a process left that is gone. One that closed in order with nothing unfinished has left
 * nothing, even if it could not prove so yet.
 */
function abandoned({ location, isHeld, problem, closed, unfinished, identity }: SlotSurvey) {
  if (isHeld !== false || problem !== undefined || identity === undefined) return undefined
  if (unfinished > 0) {
    const many = counted(unfinished, 'transaction is', 'transactions are')
    return `nobody holds ${location}, and ${many} not over`
  }
  return closed === undefined
    ? `the process that held ${location} died, and nobody has looked for what it left prepared`
    : undefined
}

function listCommand(directory: string): string {
  return `assent list --log ${quoted(directory)}`
}
