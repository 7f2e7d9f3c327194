/** Every mutant. */
import { ofVotes, ofWork } from './branches.ts'
import { ofDecisions } from './deciding.ts'
import { ofDelivery, ofResource } from './decisions.ts'
import type { Mutant } from './planting.ts'
import { ofConnections, ofOutages } from './surroundings.ts'

export const mutants: readonly Mutant[] = [
  ...ofVotes,
  ...ofWork,
  ...ofDelivery,
  ...ofResource,
  ...ofDecisions,
  ...ofConnections,
  ...ofOutages,
]
