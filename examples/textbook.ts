/**
 * The coordinator with two participants of every textbook on commit protocols: ten lines, `transfer`,
 * over a participant of one's own. `node examples/textbook.ts` runs it. In an application the import
 * says `from 'assent'`.
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CustomBranch, type CustomParticipant, custom, openCoordinator } from '../src/index.ts'

/**
 * The decision is durable; this participant is not: it fits on a page because it keeps everything in
 * memory. A real one writes what it holds to disk before it says true, and lists it in `prepared`.
 */
export class Account implements CustomParticipant<{ add(amount: number): void }> {
  balance = 100
  readonly #held = new Map<string, number>()

  begin({ id }: CustomBranch): { add(amount: number): void } {
    return { add: (amount) => void this.#held.set(id, amount) }
  }

  prepare({ id }: CustomBranch): boolean {
    return this.balance + (this.#held.get(id) ?? Number.NEGATIVE_INFINITY) >= 0
  }

  /** Asked again, it finds nothing held, and changes nothing. */
  commit({ id }: CustomBranch): void {
    this.balance += this.#held.get(id) ?? 0
    this.#held.delete(id)
  }

  rollback({ id }: CustomBranch): void {
    this.#held.delete(id)
  }
}

/** Moves money from Ada to Bob, or throws and moves nothing. */
export async function transfer(ada: Account, bob: Account, amount: number, log: string) {
  const resources = { ada: custom(ada), bob: custom(bob) }
  const coordinator = await openCoordinator({ name: 'textbook', log, resources })
  try {
    await coordinator.transaction(['ada', 'bob'], (accounts) => {
      accounts.ada.add(-amount)
      accounts.bob.add(amount)
    })
  } finally {
    await coordinator.close()
  }
}

if (import.meta.main) {
  const [ada, bob] = [new Account(), new Account()]
  await transfer(ada, bob, 30, join(tmpdir(), 'assent-textbook'))
  process.stdout.write(`Ada has ${ada.balance}, Bob has ${bob.balance}\n`) // Ada has 70, Bob has 130
}
