/**
 * What only the platform can tell of a log's directory: the port that the doctor asks it through.
 * `src/node` looks; what it means is judged here, without I/O.
 */
import type { LogIdentity } from '../core/ids.ts'

export interface FileSystem {
  /** As Node's `process.platform` has it. */
  readonly platform: string
  /** The number by which Linux knows the file system; elsewhere it means nothing. */
  readonly type: number
  readonly freeBytes: number
  /** Files that can still be made; undefined where the file system has no such limit. */
  readonly freeFiles: number | undefined
}

export interface SlotSurvey {
  readonly slot: number
  readonly location: string
  readonly identity: LogIdentity | undefined
  /** Whether a live process holds it; undefined where that can't be told. */
  readonly isHeld: boolean | undefined
  /** The process that answers for it. */
  readonly pid: number | undefined
  /** Why the process that holds it does not answer; undefined where it does, or there is none. */
  readonly silence: string | undefined
  /** Why it can't be read. */
  readonly problem: string | undefined
  /** How it was given up; undefined while it is held, and when its process died. */
  readonly closed: 'clean' | 'with-work-left' | undefined
  /** Transactions that are not over. */
  readonly unfinished: number
  /** Ids of those that wait for an operator. */
  readonly awaited: readonly string[]
  /** The databases that its branches were at. */
  readonly resources: readonly { readonly name: string; readonly fingerprint: string }[]
  readonly sizeBytes: number
}

export interface LogSurvey {
  readonly directory: string
  /** As the directory says; undefined where there is no log yet. */
  readonly installation: string | undefined
  /** Why it can't be used by this account. */
  readonly problem: string | undefined
  /** Why its marker can't be read. */
  readonly damage: string | undefined
  /** Undefined where it can't be asked. */
  readonly fileSystem: FileSystem | undefined
  readonly segmentBytes: number
  readonly slots: readonly SlotSurvey[]
}

/** Looks, and changes nothing. `own` are the slots that the caller holds: it answers for them. */
export type SurveyLog = (own: readonly string[]) => Promise<LogSurvey>
