/**
 * Finishes a prepared branch on whatever connection is given, and judges what an unknown id means.
 *
 * Keeps A1, A6 and MY-2: XAER_NOTA is also the answer while the session that prepared lives. The
 * branch is believed gone only when it is missing in XA RECOVER, too, at the server that was examined.
 * Neither MariaDB nor MySQL keeps the fate of a branch that is gone: one that is known to have voted
 * yes was finished as we told it, by an answer that was lost; unless the server has gone back in time.
 */
import type { Decision } from '../../core/decision.ts'
import type { BranchId } from '../../core/ids.ts'
import type { Acknowledgement } from '../contract.ts'
import type { Identity } from '../sql/identity.ts'
import type { Asking } from './asking.ts'
import { readEvidence } from './evidence.ts'
import { errors, isRolledBack, numberOf } from './failures.ts'
import { readPosition } from './horizon.ts'
import { readFingerprint } from './identity.ts'
import type { Settings } from './options.ts'
import type { Database } from './server.ts'
import { finishPrepared, recoverXids } from './sql.ts'
import { branchIdOf, readXid, xidOf } from './xid.ts'

export interface Finishing {
  readonly id: BranchId
  readonly decision: Decision
  /** From the branch's yes-vote; see `evidence.ts`. */
  readonly evidence: string | undefined
  readonly identity: Identity
  readonly database: Database
  readonly settings: Settings
}

/** The branch is prepared, and a session that lives keeps everybody else from finishing it. */
export class HeldBySession extends Error {
  override readonly name = 'HeldBySession'
}

const done: Acknowledgement = { result: 'done' }

/** Rejects with whatever leaves the answer unknown; with `HeldBySession` where one is in the way. */
export async function finish(connection: Asking, finishing: Finishing): Promise<Acknowledgement> {
  const { id, decision, evidence, database } = finishing
  try {
    await connection.command(finishPrepared(xidOf(id, database.name), decision))
    return done
  } catch (error) {
    if (numberOf(error) === errors.unknownXid) return await readAbsence(connection, finishing)
    if (isRolledBack(error)) return judgeRollback(decision, evidence)
    throw error
  }
}

async function readAbsence(
  connection: Asking,
  { id, decision, evidence, identity, database, settings }: Finishing,
): Promise<Acknowledgement> {
  identity.verify(await readFingerprint(connection, settings))
  const { rows } = await connection.send(recoverXids(database.flavour))
  if (rows.some((row) => branchIdOf(readXid(row), database.name) === id)) {
    throw new HeldBySession(
      `the branch ${id} is prepared, and the session that prepared it lives, so no other may ` +
        'finish it',
    )
  }
  if (decision === 'aborted') return done
  const known = readEvidence(evidence)
  if (known === undefined) {
    return hazard('the branch is gone, and no evidence of its vote tells how it ended')
  }
  const position = await readPosition(connection)
  if (known.position === undefined || position === undefined || position >= known.position) {
    return done
  }
  return hazard(
    `the branch is gone, and the server's log is at ${position}, before where it was prepared ` +
      `(${known.position}): was the server put back to an earlier state?`,
  )
}

/**
 * MariaDB rolls a prepared branch back when its session ends, if it wrote nothing (MY-3): nothing was
 * lost, whatever the decision.
 */
function judgeRollback(decision: Decision, evidence: string | undefined): Acknowledgement {
  if (decision === 'aborted') return done
  const known = readEvidence(evidence)
  if (known?.hasWritten === false) return done
  const detail = 'the server rolled the prepared branch back by itself'
  if (known === undefined) return hazard(`${detail}, and no evidence tells whether it had written`)
  return { result: 'heuristic', kind: 'rolled-back', detail }
}

function hazard(detail: string): Acknowledgement {
  return { result: 'heuristic', kind: 'hazard', detail }
}
