/** What a branch is made of. */
import type { BranchId } from '../../core/ids.ts'
import type { Clock, Timers } from '../../core/ports.ts'
import type { ServerSession } from './delivery.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Guarded } from './guard.ts'
import type { Identity } from './identity.ts'
import type { Reserve } from './reserve.ts'
import type { Session } from './session.ts'
import type { Work } from './work.ts'

export interface BranchParts {
  readonly session: Session
  readonly work: Work
  readonly dispatcher: Dispatcher
  readonly guarded: Guarded
  readonly reserve: Reserve
  readonly identity: Identity
  readonly clock: Clock
  readonly timers: Timers
  /** When the transaction's time is over, by the monotonic clock. */
  readonly deadlineMs: number
  /** The bound on one answer of the server in phase 2. */
  readonly answerTimeoutMs: number
  readonly id: BranchId
  readonly isSerializable: boolean
  readonly serverSession: ServerSession
  /** The session's own `synchronous_commit`, where it is weaker than `on`. */
  readonly weakDurability: string | undefined
}
