/** What a test tells its worker process: where it works, what it does, and where it is to die. */
import type { PendingTransaction, Sighting } from '../../../src/index.ts'
import type { StoreAddress } from '../stores/store.ts'

/** What a transaction does; each leaves a row in the journals of the databases that it changes. */
export type TransferKind =
  /** Money goes from one database to the other. */
  | 'transfer'
  /** The same, with a nested part that stays and one that is undone. */
  | 'nested'
  /** The same, but the second database refuses to prepare. */
  | 'refused'
  /** Money goes from one account to another of the first database. */
  | 'one-phase'
  /** The same, after a look into the second database. */
  | 'reading-along'
  /** A look into both databases. */
  | 'reading'

/** The databases whose journals a transaction of each kind is found in when it has committed. */
export const journalsOf: Readonly<Record<TransferKind, readonly Side[]>> = {
  transfer: ['left', 'right'],
  nested: ['left', 'right'],
  refused: ['left', 'right'],
  'one-phase': ['left'],
  'reading-along': ['left'],
  reading: [],
}

/** How the work of a transaction is given to the coordinator. */
export type Form =
  /** By a callback, which sends one statement after the other. */
  | 'callback'
  /** By `execute`, as statements that are all known. A nested part is then run by it, too. */
  | 'execute'

/** A defect that a test plants in a worker, to see that the audit finds it. */
export type Plant =
  /** What belongs to one transaction is committed by one for each database. */
  | 'plain commits'
  /** The caller of one that failed is told that it has committed. */
  | 'told committed'

/** The names of the two databases, which are the names of the resources, too. */
export type Side = 'left' | 'right'
export const sides: readonly Side[] = ['left', 'right']

export type DiskOperation = 'write' | 'sync' | 'create' | 'rename' | 'remove' | 'syncDirectory'

/** A moment that a worker can tell from inside, without a hook in what it runs. */
export type Trigger =
  /** The coordinator publishes it before it does what follows from it. */
  | {
      readonly on: 'event'
      readonly channel: 'transaction' | 'branch' | 'log' | 'operator'
      readonly state: string
      /** Which time it is counted; 1 by default. */
      readonly nth?: number
    }
  /** The bytes of a statement have been given to the kernel; no answer can have been read. */
  | {
      readonly on: 'sent'
      readonly statement:
        | 'prepare'
        | 'commit prepared'
        | 'rollback prepared'
        | 'commit'
        | 'commit with the decision'
      readonly nth?: number
      /** Its connection is ended then, by the worker's side: the answer is lost. */
      readonly isCut?: true
    }
  /** `torn`: the beginning of what is written has been. */
  | {
      readonly on: 'disk'
      readonly operation: DiskOperation
      readonly moment: 'before' | 'torn' | 'after'
      /** Part of the path; anything by default. */
      readonly path?: string
      readonly nth?: number
    }
  /** In the work of the transaction itself. */
  | { readonly on: 'work'; readonly step: 'between the databases' | 'in the nested part' }
  /** The call has returned. */
  | { readonly on: 'told' }

/** A moment, and what the worker does to itself there. */
export interface Crash {
  readonly trigger: Trigger
  /** `stop` leaves the killing to the test, which first waits for what is on its way. */
  readonly signal: 'SIGKILL' | 'SIGSTOP'
  /** From when on it is watched for: from the start, or for one transaction asked for by name. */
  readonly armed: 'at open' | 'for the subject'
}

/** The environment variable that carries a worker's settings, as JSON. */
export const settingsVariable = 'ASSENT_CRASH_WORKER'

export interface WorkerSettings {
  /** The log directory; nothing is there where the decisions are kept in a database. */
  readonly log: string
  /** The schema of the left database in which the decisions are kept, if they are. */
  readonly decisions?: string | undefined
  /** The file that outlives the worker; see `diary.ts`. */
  readonly diary: string
  readonly stores: Readonly<Record<Side, StoreAddress>>
  /** How the servers are to list its sessions. */
  readonly session: string
  readonly crash?: Crash | undefined
  /** Opens the right database as one that can't prepare. */
  readonly lastResource?: boolean
  /** What the transfers that go on beside do, in turn; by default they are plain transfers. */
  readonly kinds?: readonly TransferKind[]
  /** How the work is given, in turn, and first where it is asked for; by default by callbacks. */
  readonly forms?: readonly Form[]
  readonly plant?: Plant
  /**
   * Of a transaction, until its decision. The log of a dead worker that was taken over is kept for
   * so long, too: a message of it may be under way that waits for a lock.
   */
  readonly timeoutMs?: number
  /** How long a caller waits for acknowledgements. */
  readonly settleWaitMs?: number
  /** How long an answer of a database is waited for. */
  readonly answerTimeoutMs?: number
  /** Its sessions stay at the servers when it dies, until the test lets go of them. */
  readonly sessionsOutliveIt?: boolean
  /** Wraps the disk, and makes segments of so many bytes. */
  readonly segmentBytes?: number
}

/** A fault of the wrapped disk, from when it is asked for. */
export interface DiskFault {
  readonly operation: DiskOperation
  readonly code: 'ENOSPC' | 'EIO'
}

/** What the test asks of a worker that lives. */
export type Question =
  /** Runs one transaction; its crash point is armed for it alone. Answers `Told`. */
  | { readonly ask: 'transfer'; readonly kind: TransferKind }
  /** Transfers that go on beside. Answers when the first of each has ended. */
  | { readonly ask: 'work'; readonly concurrency: number }
  /** No new transfers; answers when the last has ended. */
  | { readonly ask: 'rest' }
  | { readonly ask: 'pending' }
  | { readonly ask: 'outcomes'; readonly ids: readonly string[] }
  | { readonly ask: 'resolve'; readonly id: string; readonly decision: 'committed' | 'aborted' }
  | { readonly ask: 'break the disk'; readonly fault: DiskFault }
  | { readonly ask: 'disk calls' }
  | { readonly ask: 'close' }

/** How a call ended, as its caller was told. */
export type Told =
  | { readonly result: 'committed' }
  | {
      readonly result: 'failed'
      readonly code: string
      readonly effect: string
      readonly message: string
    }

/** What waits, as the coordinator lists it. */
export interface Pending {
  /** The slot that it has: `.../slot-0`, or `..., slot 0`. */
  readonly log: string
  /** Those of dead workers that it has taken over, and has not given up. */
  readonly adopted: readonly string[]
  readonly transactions: readonly PendingTransaction[]
  readonly orphans: readonly Pick<Sighting, 'id' | 'resource' | 'ours'>[]
}
