/**
 * Begins a branch of a transaction at a resource.
 *
 * Keeps A4 (a branch that begins too late is rolled back, never part of the decision) and A5 (only
 * at a resource that was examined). `begin` is called before this function returns: a declared
 * transaction asks all its pools in one turn and in one order, so two transactions can't each hold
 * what the other waits for.
 */
import { AssentError } from '../core/errors.ts'
import { formatBranchId, idLimits } from '../core/ids.ts'
import type { Clock } from '../core/ports.ts'
import type { BatchStatement, Participant } from '../participants/contract.ts'
import type { BranchRole, Event } from '../protocol/two-phase/state.ts'
import { beginFailed, overError } from './failures.ts'
import { LiveBranch, type LiveTransaction } from './live-transaction.ts'
import type { Resource } from './resources.ts'

export interface JoinOptions {
  readonly isolation: string | undefined
  readonly readOnly: boolean
  readonly onlyBranch: boolean
  /** All that the branch will do, where that is known. */
  readonly statements?: readonly BatchStatement[] | undefined
}

/** What joining needs of the engine. */
export interface JoinHost {
  readonly clock: Clock
  dispatch(transaction: LiveTransaction, event: Event): void
  /** The branch has begun, or failed to, after the transaction was sealed. */
  joinedTooLate(transaction: LiveTransaction, branch: LiveBranch): void
}

/** Answers the branch at once; await its `joined`, and then ask `refuseUnlessJoined`. */
export function join(
  host: JoinHost,
  transaction: LiveTransaction,
  resource: Resource,
  options: JoinOptions,
): LiveBranch {
  const { participant } = resource
  refuseUnlessOpen(transaction)
  refuseUnlessReady(resource)
  refuseSecondLast(transaction, resource)
  const number = transaction.branches.length
  if (number > idLimits.branch) {
    const message = `a transaction has at most ${idLimits.branch + 1} branches`
    throw new AssentError('ASSENT_INVALID_OPTION', message, { option: 'resources' })
  }
  const branch = new LiveBranch(number, resource)
  branch.joining = true
  branch.isolation = options.isolation
  branch.readOnly = options.readOnly
  branch.isBatch = options.statements !== undefined && participant.beginBatch !== undefined
  transaction.addBranch(branch)
  host.dispatch(transaction, {
    type: 'join',
    role: roleAt(transaction, resource, options),
    onePhase: participant.canCommitOnePhase || !participant.canPrepare,
  })
  branch.joined = begin(host, transaction, branch, participant, options)
  return branch
}

/** Throws unless a branch that is no longer joining has become part of the transaction. */
export function refuseUnlessJoined(transaction: LiveTransaction, branch: LiveBranch): void {
  refuseUnlessOpen(transaction)
  if (branch.neverBegan) throw beginFailed(branch.resourceName, branch.cause)
}

async function begin(
  host: JoinHost,
  transaction: LiveTransaction,
  branch: LiveBranch,
  participant: Participant,
  { isolation, readOnly, onlyBranch, statements }: JoinOptions,
): Promise<void> {
  try {
    const options = {
      id: formatBranchId(transaction.id, branch.number),
      transaction: transaction.id,
      timeLeftMs: Math.max(1, transaction.deadlineMs - host.clock.monotonicMs()),
      isolation,
      readOnly,
      onlyBranch,
    }
    const handle =
      statements === undefined || participant.beginBatch === undefined
        ? await participant.begin(options)
        : await participant.beginBatch(options, statements)
    branch.handle = handle
    branch.finishable = handle
  } catch (cause) {
    branch.cause = cause
    branch.neverBegan = true
  }
  branch.joining = false
  if (!transaction.sealed) return
  branch.handle?.seal()
  host.joinedTooLate(transaction, branch)
}

/** What it only reads can't take the row of a decision along: there it votes like any other. */
function roleAt(
  { book }: LiveTransaction,
  { name, participant }: Resource,
  { readOnly }: JoinOptions,
): BranchRole {
  if (!participant.canPrepare) return 'last'
  const isDeciding = book.log.carried?.resource === name
  return isDeciding && !readOnly && participant.canCommitOnePhase ? 'deciding' : 'two-phase'
}

function refuseUnlessOpen(transaction: LiveTransaction): void {
  if (transaction.sealed) throw overError(transaction)
}

function refuseUnlessReady(resource: Resource): void {
  if (resource.status === 'ready') return
  throw (
    resource.refusal ??
    new AssentError('ASSENT_RESOURCE_UNAVAILABLE', `${resource.name} was not reached yet`, {
      resource: resource.name,
    })
  )
}

function refuseSecondLast(transaction: LiveTransaction, resource: Resource): void {
  if (resource.participant.canPrepare) return
  const first = transaction.state.branches.findIndex((branch) => branch.role === 'last')
  if (first < 0) return
  const resources = [transaction.branches[first]?.resourceName ?? '', resource.name]
  throw new AssentError(
    'ASSENT_SECOND_LAST_RESOURCE',
    `neither ${resources.join(' nor ')} can prepare; one transaction takes one such resource`,
    { id: transaction.id, resources },
  )
}
