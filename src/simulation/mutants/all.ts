/** All planted bugs. */
import { batchMutants } from './batch.ts'
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
  ...batchMutants,
]
