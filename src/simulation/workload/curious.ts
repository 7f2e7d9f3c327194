/** Somebody who got an id asks whomever there is how it ends, again and again, while it is under way. */
import type { TransactionId } from '../../core/ids.ts'
import { judgeAnswerOf } from '../checkers/outcomes.ts'
import type { Process } from '../process/process.ts'
import type { SeededRandom } from '../random.ts'
import type { Surroundings } from '../surroundings.ts'

const askedMax = 4
/** As long as a message lives. */
const withinMs = 3_000

export class Curious {
  readonly #surroundings: Surroundings
  readonly #random: SeededRandom
  readonly #processes: () => readonly Process[]

  constructor(
    surroundings: Surroundings,
    random: SeededRandom,
    processes: () => readonly Process[],
  ) {
    this.#surroundings = surroundings
    this.#random = random
    this.#processes = processes
  }

  askAbout(id: TransactionId): void {
    const { scheduler } = this.#surroundings
    for (let times = this.#random.integer(1, askedMax); times > 0; times -= 1) {
      scheduler.after(this.#random.between(0, withinMs), () => this.#ask(id))
    }
  }

  #ask(id: TransactionId): void {
    const { facts, broken } = this.#surroundings
    const found = facts.get(id)
    if (found === undefined) return
    for (const { coordinator, incarnation } of this.#processes()) {
      coordinator?.outcome(id).then(
        // Whoever lost its log unknowingly may still be at work on what was given up elsewhere.
        (answer) => {
          if (answer !== 'active') judgeAnswerOf(incarnation, found, answer, this.#surroundings)
        },
        (failure) => broken('program', `outcome of ${id}: ${String(failure)}`),
      )
    }
  }
}
