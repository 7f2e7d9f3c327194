/**
 * A participant of the user's own: an object with `prepare`, `commit` and `rollback`.
 *
 * What each must promise, or atomicity is lost (A1, A5):
 *
 * - `prepare` answers true only when the branch is durable and able to commit after any crash, and
 *   false only when it has undone everything. Whatever it throws means that it may be prepared; the
 *   transaction rolls back, and `rollback` is called.
 * - `commit` and `rollback` are called again until they return, also after a restart, also when
 *   they had succeeded and the answer was lost: a second call must change nothing. `rollback` may
 *   be called for a branch that was never prepared, and must then refuse a `prepare` that is late.
 * - `prepared` lists the ids that are prepared and neither committed nor rolled back. Without it a
 *   branch whose coordinator died before the decision is never told; it must ask `outcome` itself.
 */
import type { Decision } from '../../core/decision.ts'
import { AssentError } from '../../core/errors.ts'
import {
  type BranchId,
  formatTransactionId,
  parseBranchId,
  type TransactionId,
} from '../../core/ids.ts'
import { invariant } from '../../core/invariant.ts'
import type {
  Acknowledgement,
  BeginOptions,
  Branch,
  OnePhaseResult,
  Participant,
  RecoveredBranchOptions,
  Vote,
} from '../contract.ts'

/** What a custom participant is told of its branch. */
export interface CustomBranch {
  /** The same in every call about this branch, and never used again. At most 64 bytes. */
  readonly id: BranchId
  readonly transaction: TransactionId
}

/** A resource that ended its branch against the decision, or can't tell how it ended. */
export interface HeuristicEnd {
  readonly heuristic: 'committed' | 'rolled-back' | 'hazard'
  readonly detail: string
}

/** How the work wants its branch. */
export interface CustomBeginOptions {
  /** Milliseconds until the transaction's time-out. */
  readonly timeLeftMs: number
  readonly isolation: string | undefined
  readonly readOnly: boolean
}

type Awaitable<Value> = Value | Promise<Value>

interface CustomCommon<Client> {
  /** What tells this resource from every other, for ever; default: its name in the coordinator. */
  readonly identity?: string
  /** Makes what the work gets as this resource's client; default: the `CustomBranch`. */
  begin?(branch: CustomBranch, options: CustomBeginOptions): Awaitable<Client>
  /** Throws when the resource can't be reached. */
  check?(): Awaitable<void>
}

export interface CustomParticipant<Client = CustomBranch> extends CustomCommon<Client> {
  prepare(branch: CustomBranch): Awaitable<boolean | 'read-only'>
  commit(branch: CustomBranch): Awaitable<HeuristicEnd | undefined> | Awaitable<void>
  rollback(branch: CustomBranch): Awaitable<HeuristicEnd | undefined> | Awaitable<void>
  prepared?(): Awaitable<readonly string[]>
}

/** A resource that can't prepare: at most one in a transaction; it commits after all prepared. */
export interface CustomLastResource<Client = CustomBranch> extends CustomCommon<Client> {
  /** True: committed. False: nothing is left of it. Whatever it throws: nobody knows. */
  commit(branch: CustomBranch): Awaitable<boolean>
  rollback(branch: CustomBranch): Awaitable<void>
  /**
   * Whether `commit` took place, asked after a crash or a lost answer; without it an operator has to
   * tell. `aborted` only when it can't take place any more: a call may still be on its way.
   */
  evidence?(id: BranchId): Awaitable<Decision | 'unknown'>
}

/**
 * Makes a resource of an object with `prepare`, `commit` and `rollback`.
 *
 * @example
 * const alice = custom({
 *   prepare: ({ id }) => ledger.reserve(id),
 *   commit: ({ id }) => ledger.confirm(id),
 *   rollback: ({ id }) => ledger.cancel(id),
 * })
 */
export function custom<Client = CustomBranch>(
  object: CustomParticipant<Client>,
): Participant<Client> {
  const finish = (branch: CustomBranch): Pick<Branch, 'commit' | 'rollback'> => ({
    commit: () => acknowledged(() => object.commit(branch)),
    rollback: () => acknowledged(() => object.rollback(branch)),
  })
  return {
    ...common(object),
    canPrepare: true,
    canCommitOnePhase: false,
    begin: async (options) => {
      const branch = branchOf(options)
      return {
        ...finish(branch),
        ...(await begun(object, branch, options)),
        prepare: () => voted(() => object.prepare(branch)),
        commitOnePhase: () => neverAsked(),
      }
    },
    recover: ({ id }: RecoveredBranchOptions) => finish(recoveredBranch(id)),
    ...(object.prepared === undefined
      ? {}
      : {
          listPrepared: async () => {
            const ids = (await object.prepared?.()) ?? []
            return ids.map((id) => ({ id, preparedAtMs: undefined }))
          },
        }),
  }
}

/** Makes a resource of an object that can only commit: a last resource. */
export function lastResource<Client = CustomBranch>(
  object: CustomLastResource<Client>,
): Participant<Client> {
  const { evidence } = object
  return {
    ...common(object),
    canPrepare: false,
    canCommitOnePhase: true,
    begin: async (options) => {
      const branch = branchOf(options)
      return {
        ...(await begun(object, branch, options)),
        prepare: () => neverAsked(),
        commit: () => neverAsked(),
        rollback: () => acknowledged(() => object.rollback(branch)),
        commitOnePhase: () => committedOnePhase(() => object.commit(branch)),
      }
    },
    recover: ({ id }: RecoveredBranchOptions) => ({
      commit: () => neverAsked(),
      rollback: () => acknowledged(() => object.rollback(recoveredBranch(id))),
    }),
    ...(evidence === undefined
      ? {}
      : { evidenceOf: async (id: BranchId) => evidence.call(object, id) }),
  }
}

function common<Client>(
  object: CustomCommon<Client>,
): Pick<Participant<Client>, 'kind' | 'attach' | 'check' | 'close'> {
  let name = ''
  return {
    kind: 'custom',
    attach: (ports) => {
      name = ports.resource
    },
    check: async () => {
      try {
        await object.check?.()
      } catch (cause) {
        return { status: 'unavailable', cause }
      }
      const fingerprint = `custom:${object.identity ?? name}`
      return { status: 'ready', fingerprint, preparedLimit: undefined }
    },
    close: () => Promise.resolve(),
  }
}

async function begun<Client>(
  object: CustomCommon<Client>,
  branch: CustomBranch,
  { timeLeftMs, isolation, readOnly }: BeginOptions,
): Promise<Pick<Branch<Client>, 'client' | 'seal' | 'doomed'>> {
  const over = { seal: () => [], doomed: undefined }
  if (object.begin !== undefined) {
    return { client: await object.begin(branch, { timeLeftMs, isolation, readOnly }), ...over }
  }
  if (isolation === undefined && !readOnly) return { client: branch as Client, ...over }
  // A wish that nobody hears would be a promise that nobody keeps.
  const option = isolation === undefined ? 'readOnly' : 'isolation'
  const message = `${option} is asked of a custom participant that has no begin to take it`
  throw new AssentError('ASSENT_INVALID_OPTION', message, { option })
}

async function voted(prepare: () => Awaitable<boolean | 'read-only'>): Promise<Vote> {
  try {
    const answer = await prepare()
    if (answer === true) return { vote: 'yes', evidence: undefined }
    if (answer === 'read-only') return { vote: 'read-only', ended: false }
    if (answer === false) return { vote: 'no', cause: new Error('it refused to prepare') }
    return {
      vote: 'unknown',
      cause: new Error(`prepare must answer true, false or 'read-only', not ${String(answer)}`),
    }
  } catch (cause) {
    return { vote: 'unknown', cause }
  }
}

async function acknowledged(
  finish: () => Awaitable<HeuristicEnd | undefined> | Awaitable<void>,
): Promise<Acknowledgement> {
  try {
    const end = await finish()
    // What a driver answers, such as a row count, is no word on how the branch ended.
    if (typeof end !== 'object' || end === null || !('heuristic' in end)) return { result: 'done' }
    return { result: 'heuristic', kind: end.heuristic, detail: end.detail }
  } catch (cause) {
    return { result: 'unknown', cause }
  }
}

async function committedOnePhase(commit: () => Awaitable<boolean>): Promise<OnePhaseResult> {
  try {
    const answer = await commit()
    if (answer === true) return { result: 'committed' }
    if (answer === false) return { result: 'aborted', cause: new Error('it refused to commit') }
    return { result: 'unknown', cause: new Error(`commit answered ${String(answer)}`) }
  } catch (cause) {
    return { result: 'unknown', cause }
  }
}

function branchOf({ id, transaction }: BeginOptions): CustomBranch {
  return { id, transaction }
}

function recoveredBranch(id: BranchId): CustomBranch {
  const parts = parseBranchId(id)
  invariant(parts !== undefined, 'A7', 'a recovered branch whose id does not parse', id)
  return { id, transaction: formatTransactionId(parts) }
}

function neverAsked(): never {
  invariant(false, 'A1', 'a last resource was asked to prepare, or a voter to commit without it')
}
