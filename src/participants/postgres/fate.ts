/**
 * Finishes a prepared branch on whatever connection is given, and reads its fate where it is gone.
 *
 * Keeps A1 and A6: an unknown id proves nothing by itself. `COMMIT PREPARED` of a branch that is not
 * there is a success only if the branch's own xid is known to have committed, in the database that
 * was examined. The xid of a prepared branch is durable, so its status is proof; one that is too
 * old to tell, or that the server has never given out, is a hazard for an operator.
 */
import type { Decision } from '../../core/decision.ts'
import { messageOf } from '../../core/errors.ts'
import type { BranchId } from '../../core/ids.ts'
import type { Acknowledgement } from '../contract.ts'
import type { Identity } from '../sql/identity.ts'
import { fieldOf, type PgResult } from './driver.ts'
import { sqlState, sqlStateOf } from './failures.ts'
import { readFingerprint } from './identity.ts'
import { fateOfXid, finishPrepared, ownerOfPrepared } from './sql.ts'

export interface Finishing {
  readonly id: BranchId
  readonly decision: Decision
  /** The branch's xid, from its yes-vote. */
  readonly evidence: string | undefined
  readonly identity: Identity
}

/** A session of the branch, or a connection of our own. */
export interface Asking {
  send(text: string): Promise<readonly PgResult[]>
  /** For what has no rows. */
  command(text: string): Promise<readonly PgResult[]>
  ask(text: string, values: readonly unknown[]): Promise<readonly PgResult[]>
}

const done: Acknowledgement = { result: 'done' }

/** Rejects with whatever leaves the answer unknown: a lost connection, a busy or refused id. */
export function finish(connection: Asking, finishing: Finishing): Promise<Acknowledgement> {
  const { id, decision } = finishing
  return connection.command(finishPrepared(id, decision)).then(
    (results) => told(decision, results),
    (error: unknown) => {
      switch (sqlStateOf(error)) {
        case sqlState.undefinedObject:
          return readFate(connection, finishing)
        case sqlState.insufficientPrivilege:
          return finishAsOwner(connection, finishing, error)
        default:
          throw error
      }
    },
  )
}

function told(decision: Decision, results: readonly PgResult[]): Acknowledgement {
  const expected = decision === 'committed' ? 'COMMIT' : 'ROLLBACK'
  const command = results.at(-1)?.command
  if (command === expected) return done
  throw new Error(`${expected} PREPARED was answered ${String(command)}`)
}

/**
 * A branch prepared under `SET ROLE` belongs to that role. Whoever may take it on may finish it.
 * The role is put back, or the connection would keep it.
 */
async function finishAsOwner(
  connection: Asking,
  finishing: Finishing,
  refusal: unknown,
): Promise<Acknowledgement> {
  const found = await connection.ask(ownerOfPrepared, [finishing.id])
  const [owner, role] = [fieldOf(found, 'owner'), fieldOf(found, 'role')]
  if (owner === undefined || role === undefined) throw refusal
  try {
    await connection.send(`set role ${owner}`)
  } catch (cause) {
    const message =
      `the branch was prepared by the role ${owner}, and finishing it takes that role or a ` +
      `superuser: ${messageOf(cause)}`
    throw new Error(message, { cause })
  }
  try {
    const { id, decision } = finishing
    return told(decision, await connection.command(finishPrepared(id, decision)))
  } finally {
    await connection.send(`set role ${role}`)
  }
}

async function readFate(connection: Asking, finishing: Finishing): Promise<Acknowledgement> {
  const { decision, evidence, identity } = finishing
  identity.verify(await readFingerprint(connection))
  if (evidence === undefined) {
    // Never voted yes, or seen prepared by the sweep: gone is all that a rollback asks for.
    return decision === 'aborted'
      ? done
      : hazard('the branch is gone, and no evidence of its vote tells how it ended')
  }
  const fate = await statusOf(connection, evidence)
  if (fate === decision) return done
  switch (fate) {
    case 'committed':
      return heuristic('committed', `xid ${evidence} is committed: somebody else finished it`)
    case 'aborted':
      return heuristic('rolled-back', `xid ${evidence} is rolled back: somebody else finished it`)
    case 'in progress':
      throw new Error(`the branch is not prepared, and its xid ${evidence} is in progress`)
    case 'unknown to the server':
      return hazard(
        `the server has not given out xid ${evidence} yet: was it put back to an earlier state?`,
      )
    default:
      return hazard(`the branch is gone, and its xid ${evidence} is too old to tell how it ended`)
  }
}

async function statusOf(connection: Asking, xid: string): Promise<string | undefined> {
  try {
    return fieldOf(await connection.ask(fateOfXid, [xid]), 'status')
  } catch (error) {
    if (sqlStateOf(error) === sqlState.invalidParameterValue) return 'unknown to the server'
    throw error
  }
}

function heuristic(kind: 'committed' | 'rolled-back', detail: string): Acknowledgement {
  return { result: 'heuristic', kind, detail }
}

function hazard(detail: string): Acknowledgement {
  return { result: 'heuristic', kind: 'hazard', detail }
}
