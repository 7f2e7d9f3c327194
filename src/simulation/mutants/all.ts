/** All planted bugs. */
import { coordinatorMutants } from './coordinator.ts'
import { logMutants } from './log.ts'
import type { Mutant } from './mutant.ts'
import { participantMutants } from './participant.ts'
import { protocolMutants } from './protocol.ts'

export const mutants: readonly Mutant[] = [
  ...logMutants,
  ...protocolMutants,
  ...coordinatorMutants,
  ...participantMutants,
]
