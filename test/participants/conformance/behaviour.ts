/** A behaviour that every implementation of `Participant` shows, as far as it can do such things. */
import type { Stage } from './stage.ts'
import type { Capability } from './subject.ts'

export interface Behaviour {
  /** A sentence of the contract. */
  readonly name: string
  readonly needs: readonly Capability[]
  /** Throws where the participant does not behave so. */
  readonly tryOn: (stage: Stage) => Promise<void>
}
