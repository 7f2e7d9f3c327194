/** Two plain commits in parallel: what is lost when the process dies between them stays lost. */
import { move } from './bank.ts'
import type { Contestant, Surroundings } from './contestant.ts'

export async function openUnprotected({ bank }: Surroundings): Promise<Contestant> {
  return {
    name: 'unprotected',
    transfer: async (account) => {
      const [left, right] = await Promise.all([bank.left.connect(), bank.right.connect()])
      try {
        await Promise.all([left.query('begin'), right.query('begin')])
        await move(left, right, account)
        await Promise.all([left.query('commit'), right.query('commit')])
        left.release()
        right.release()
      } catch (error) {
        left.release(true)
        right.release(true)
        throw error
      }
    },
    forcedWrites: () => 0,
    close: () => Promise.resolve(),
  }
}
