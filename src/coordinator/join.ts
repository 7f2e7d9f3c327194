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
import type { Event } from '../protocol/two-phase/state.ts'
import { beginFailed, overError } from './failures.ts'
import { LiveBranch, type LiveTransaction } from './live-transaction.ts'
import type { Resource } from './resources.ts'

export interface JoinOptions {
  readonly isolation: string | undefined
  readonly readOnly: boolean
  readonly onlyBranch: boolean
}

/** What joining needs of the engine. */
export interface JoinHost {
  readonly clock: Clock
  dispatch(transaction: LiveTransaction, event: Event): void
  /** The branch has begun, or failed to, after the transaction was sealed. */
  joinedTooLate(transaction: LiveTransaction, branch: LiveBranch): void
}

export async function join(
  engine: JoinHost,
  transaction: LiveTransaction,
  resource: Resource,
  options: JoinOptions,
): Promise<LiveBranch> {
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
  transaction.branches.push(branch)
  engine.dispatch(transaction, {
    type: 'join',
    role: participant.canPrepare ? 'two-phase' : 'last',
    onePhase: participant.canCommitOnePhase || !participant.canPrepare,
  })
  try {
    const handle = await participant.begin({
      id: formatBranchId(transaction.id, number),
      transaction: transaction.id,
      timeLeftMs: Math.max(1, transaction.deadlineMs - engine.clock.monotonicMs()),
      isolation: options.isolation,
      readOnly: options.readOnly,
      onlyBranch: options.onlyBranch,
    })
    branch.handle = handle
    branch.finishable = handle
  } catch (cause) {
    branch.cause = cause
    branch.neverBegan = true
  }
  branch.joining = false
  if (transaction.sealed) {
    branch.handle?.seal()
    engine.joinedTooLate(transaction, branch)
    throw overError(transaction)
  }
  if (branch.neverBegan) throw beginFailed(resource, branch.cause)
  return branch
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
