/**
 * Two-phase commit as a good engineer writes it by hand: both branches begin, prepare and commit in
 * parallel, on pooled connections. Without a log, a crash between the phases leaves branches of which
 * nobody knows the decision; with one, each decision is forced to a file first, and all that wait
 * share one forced write.
 */
import { randomBytes } from 'node:crypto'
import { move } from './bank.ts'
import { type Contestant, contestant, type Surroundings, type Transfer } from './contestant.ts'
import { openForcedFile } from './forced-file.ts'
import type { ByHand, Teller } from './side.ts'

interface Habits {
  /** What makes a decision durable; nothing, for who has no log. */
  readonly log?: { force(id: string): Promise<void> }
  readonly keepsStatements?: boolean
}

export async function openHandWritten(surroundings: Surroundings): Promise<Contestant> {
  return contestant('hand-written', transferOver(surroundings))
}

/** With the two statements kept by the servers, which parse them once a connection. */
export async function openHandWrittenNamed(surroundings: Surroundings): Promise<Contestant> {
  return contestant('hand-written-named', transferOver(surroundings, { keepsStatements: true }))
}

export async function openHandWrittenLogged(surroundings: Surroundings): Promise<Contestant> {
  const file = await openForcedFile(surroundings.directory)
  return contestant('hand-written-logged', transferOver(surroundings, { log: file }), {
    forcedWrites: () => file.forcedWrites,
    close: () => file.close(),
  })
}

function transferOver(
  { bank }: Surroundings,
  { log, keepsStatements = false }: Habits = {},
): Transfer {
  const run = randomBytes(6).toString('hex')
  let count = 0
  return async (account) => {
    count += 1
    const id = `bench-${run}-${count}`
    const [leftId, rightId] = [`${id}-left`, `${id}-right`]
    const [left, right] = await Promise.all([bank.left.connect(), bank.right.connect()])
    try {
      await Promise.all([left.beginBranch(leftId), right.beginBranch(rightId)])
      await move(bank, keepsStatements ? [keeping(left), keeping(right)] : [left, right], account)
      await Promise.all([left.prepare(leftId), right.prepare(rightId)])
      if (log !== undefined) await log.force(id)
    } catch (error) {
      await Promise.all([left.undo(leftId), right.undo(rightId)])
      left.release(true)
      right.release(true)
      throw error
    }
    // From here on it is decided: a failure would have to be tried again until it is done.
    await Promise.all([left.commitPrepared(leftId), right.commitPrepared(rightId)])
    left.release()
    right.release()
  }
}

function keeping(client: ByHand): Teller {
  return { query: (text, values) => client.queryKept(text, values) }
}
