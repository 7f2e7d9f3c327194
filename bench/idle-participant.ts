/**
 * A participant that does nothing: it votes yes and acknowledges at once. What is left is the cost of
 * the transaction manager itself.
 */
import type {
  Acknowledgement,
  Branch,
  OnePhaseResult,
  Participant,
  PreparedBranch,
  Vote,
} from '../src/participants/contract.ts'

const yes: Vote = { vote: 'yes', evidence: undefined }
const done: Acknowledgement = { result: 'done' }
const committed: OnePhaseResult = { result: 'committed' }
const nothing: readonly string[] = []

class IdleBranch implements Branch {
  readonly client = undefined
  readonly doomed = undefined

  seal(): readonly string[] {
    return nothing
  }

  prepare(): Promise<Vote> {
    return Promise.resolve(yes)
  }

  commit(): Promise<Acknowledgement> {
    return Promise.resolve(done)
  }

  rollback(): Promise<Acknowledgement> {
    return Promise.resolve(done)
  }

  commitOnePhase(): Promise<OnePhaseResult> {
    return Promise.resolve(committed)
  }
}

/** `identity` tells it from every other; `prepared` is what it says that it holds. */
export function idleParticipant(
  identity: string,
  prepared: () => readonly PreparedBranch[] = () => [],
): Participant<undefined> {
  const ready = {
    status: 'ready',
    fingerprint: `idle:${identity}`,
    preparedLimit: undefined,
  } as const
  return {
    kind: 'idle',
    canPrepare: true,
    canCommitOnePhase: true,
    attach: () => undefined,
    check: () => Promise.resolve(ready),
    begin: () => Promise.resolve(new IdleBranch() as Branch<undefined>),
    recover: () => new IdleBranch(),
    listPrepared: () => Promise.resolve(prepared()),
    close: () => Promise.resolve(),
  }
}
