/**
 * Settles a prepared branch of a log that is not ours, on an operator's word.
 *
 * Keeps A6: an answer that is lost is told as unknown, never as if nothing had happened; a resource
 * that hangs keeps the operator waiting no longer than one attempt to deliver.
 */
import type { Decision } from '../core/decision.ts'
import { AssentError } from '../core/errors.ts'
import { type BranchId, formatTransactionId, parseBranchId } from '../core/ids.ts'
import { invariant } from '../core/invariant.ts'
import type { Acknowledgement } from '../participants/contract.ts'
import { ask } from './delivery.ts'
import type { Engine } from './engine.ts'
import type { Resource } from './resources.ts'

/** Rejects with `ASSENT_OUTCOME_UNKNOWN` or `ASSENT_HEURISTIC` unless it ended as decided. */
export async function settleStranger(
  engine: Engine,
  resource: Resource,
  id: BranchId,
  decision: Decision,
): Promise<void> {
  const parts = parseBranchId(id)
  invariant(parts !== undefined, 'A7', 'a sighting whose id does not parse', id)
  const transaction = formatTransactionId(parts)
  const answer = await tell(engine, resource, id, decision)
  if (answer.result === 'done') return
  if (answer.result === 'unknown') {
    const message = `${resource.name} did not confirm that ${id} was ${decision}; look again`
    const fields = { id: transaction }
    throw new AssentError('ASSENT_OUTCOME_UNKNOWN', message, fields, { cause: answer.cause })
  }
  const { kind, detail } = answer
  const heuristics = [{ resource: resource.name, kind, detail }]
  const message = `${id} could not be ${decision} at ${resource.name}: ${detail}`
  throw new AssentError('ASSENT_HEURISTIC', message, { id: transaction, decision, heuristics })
}

function tell(
  { settings, deadlines }: Engine,
  resource: Resource,
  id: BranchId,
  decision: Decision,
): Promise<Acknowledgement> {
  const branch = resource.participant.recover({ id, evidence: undefined })
  return new Promise((resolve) => {
    const limit = deadlines.set(settings.deliveryTimeoutMs, () => {
      resolve({ result: 'unknown', cause: new Error(`${resource.name} did not answer`) })
    })
    ask<Acknowledgement>(
      () => (decision === 'committed' ? branch.commit() : branch.rollback()),
      (answer) => {
        deadlines.clear(limit)
        resolve(answer)
      },
    )
  })
}
