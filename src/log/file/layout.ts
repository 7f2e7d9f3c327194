/**
 * Names of everything in a log directory.
 *
 *     transactions/assent-log                 which installation this is, in which format
 *     transactions/assent-log.lock            held while `assent-log` is made
 *     transactions/slot-0/lock                held by the process that has this slot
 *     transactions/slot-0/000000000007.checkpoint    the state after segment 7 and all before it
 *     transactions/slot-0/000000000008.segment       what was appended since
 *
 * Not `.log`: such files are rotated and deleted by many a machine's housekeeping, and a lost
 * decision breaks A1. A name is read exactly or not at all: strangers' files are left alone (A7).
 */
import { joinPath } from '../../core/ports.ts'

export const markerName = 'assent-log'
export const markerLockName = 'assent-log.lock'
export const slotLockName = 'lock'
/** A file being made; without a sync it may hold anything, so it is removed at the next open. */
export const temporaryEnding = '.tmp'

export type LogFileKind = 'segment' | 'checkpoint'

/** A segment or checkpoint by its name. */
export interface LogFileName {
  readonly name: string
  readonly kind: LogFileKind
  readonly number: number
}

const fileForm = /^(\d{12})\.(segment|checkpoint)$/
const slotForm = /^slot-(0|[1-9]\d{0,3})$/

/** Files are numbered from 1 on; the number orders segments and checkpoints together. */
export const fileNumberMax: number = 10 ** 12 - 1

export function fileName(kind: LogFileKind, number: number): string {
  return `${String(number).padStart(12, '0')}.${kind}`
}

export function parseFileName(name: string): LogFileName | undefined {
  const match = fileForm.exec(name)
  if (match === null) return undefined
  return { name, kind: match[2] as LogFileKind, number: Number(match[1]) }
}

export function slotDirectory(directory: string, slot: number): string {
  return joinPath(directory, `slot-${slot}`)
}

/** The number of a slot, from the name of its directory. */
export function parseSlotName(name: string): number | undefined {
  const match = slotForm.exec(name)
  return match === null ? undefined : Number(match[1])
}
