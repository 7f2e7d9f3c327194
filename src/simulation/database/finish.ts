/**
 * Finishes a prepared branch by its id, over a connection of its own.
 *
 * An unknown id proves nothing by itself: only the fate of the branch's xid does. Without that
 * evidence a rollback is done (what is not prepared can't commit any more), a commit is a hazard.
 */
import type { BranchId } from '../../core/ids.ts'
import type { Acknowledgement } from '../../participants/contract.ts'
import type { Connection } from './connection.ts'
import { refusals } from './messages.ts'

export type Act = 'commit' | 'rollback'

/** `pid` is the connection over which it may yet be prepared: its session is ended first. */
export type Finish = (
  id: BranchId,
  act: Act,
  evidence: string | undefined,
  pid?: number,
) => Promise<Acknowledgement>

/** Makes a `Finish` over connections that `connect` opens. */
export function finishOver(connect: () => Connection): Finish {
  return async (id, act, evidence, pid) => {
    const connection = connect()
    try {
      if (pid !== undefined) await connection.request({ type: 'end-session', pid })
      return await finish(connection, id, act, evidence)
    } catch (cause) {
      return { result: 'unknown', cause }
    } finally {
      connection.close()
    }
  }
}

async function finish(
  connection: Connection,
  id: BranchId,
  act: Act,
  evidence: string | undefined,
): Promise<Acknowledgement> {
  const type = act === 'commit' ? 'commit-prepared' : 'rollback-prepared'
  const reply = await connection.request({ type, id })
  if (reply.type === 'done') return { result: 'done' }
  const code = reply.type === 'refused' ? reply.code : reply.type
  if (code !== refusals.unknownId) {
    return { result: 'unknown', cause: new Error(`the database answered ${code}`) }
  }
  if (evidence === undefined) {
    if (act === 'rollback') return { result: 'done' }
    return { result: 'heuristic', kind: 'hazard', detail: `${id} is gone, without evidence` }
  }
  const answer = await connection.request({ type: 'fate', xid: evidence })
  const fate = answer.type === 'fate' ? answer.fate : 'in-progress'
  if (fate === 'in-progress') return { result: 'unknown', cause: new Error(`${id} is in progress`) }
  const isAsTold = (fate === 'committed') === (act === 'commit')
  if (isAsTold) return { result: 'done' }
  const kind = fate === 'committed' ? 'committed' : 'rolled-back'
  return { result: 'heuristic', kind, detail: `${evidence} has ${fate}` }
}
