/** Two plain commits in parallel: what is lost when the process dies between them stays lost. */
import { move } from './bank.ts'
import { type Contestant, contestant, type Surroundings } from './contestant.ts'

export async function openUnprotected({ bank }: Surroundings): Promise<Contestant> {
  return contestant('unprotected', async (account) => {
    const [left, right] = await Promise.all([bank.left.connect(), bank.right.connect()])
    try {
      await Promise.all([left.begin(), right.begin()])
      await move(bank, [left, right], account)
      await Promise.all([left.commit(), right.commit()])
      left.release()
      right.release()
    } catch (error) {
      left.release(true)
      right.release(true)
      throw error
    }
  })
}
