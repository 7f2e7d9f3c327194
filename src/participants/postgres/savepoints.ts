/** Nested transactions: savepoints of the coordinator's own. */
import type { Savepoint } from '../contract.ts'
import type { Session } from './session.ts'
import type { SavepointMove, Work } from './work.ts'

/** Sets one; rejects with the server's error. */
export async function setSavepoint(session: Session, work: Work, name: string): Promise<Savepoint> {
  const run = async (text: string, move: SavepointMove): Promise<void> => {
    const sent = work.sent(text)
    try {
      await session.send(text)
    } catch (error) {
      work.failed(sent, error)
      throw error
    }
    work.succeeded(sent, 'SAVEPOINT', move)
  }
  await run(`savepoint ${name}`, { act: 'set', name })
  return {
    release: async () => {
      if (work.hasBegunInside(name)) {
        throw new Error('a transaction begun through the client was not ended in the nested one')
      }
      await run(`release savepoint ${name}`, { act: 'release', name })
    },
    rollback: async () => {
      const text = `rollback to savepoint ${name}; release savepoint ${name}`
      await run(text, { act: 'undo', name })
    },
  }
}
