/** Nested transactions: savepoints of the coordinator's own. */
import type { Savepoint } from '../contract.ts'
import type { SavepointMove, Work } from './work.ts'

/** Where texts of ours run, and how one returns to a savepoint there and is done with it. */
export interface SavepointDialect {
  send(text: string): Promise<unknown>
  undoOf(name: string): string
}

/** Sets one; rejects with the server's error. */
export async function setSavepoint(
  dialect: SavepointDialect,
  work: Work,
  name: string,
): Promise<Savepoint> {
  const run = async (text: string, move: SavepointMove): Promise<void> => {
    const sent = work.sent(text)
    try {
      await dialect.send(text)
    } catch (error) {
      work.failed(sent, error)
      throw error
    }
    work.succeeded(sent, false, move)
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
      await run(dialect.undoOf(name), { act: 'undo', name })
    },
  }
}
