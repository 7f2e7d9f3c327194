/** Every behaviour of the contract that the suite knows. */
import type { Behaviour } from '../behaviour.ts'
import { connections } from './connections.ts'
import { decisions } from './decisions.ts'
import { delivery } from './delivery.ts'
import { outages } from './outages.ts'
import { resource } from './resource.ts'
import { votes } from './votes.ts'
import { work } from './work.ts'

export const behaviours: readonly Behaviour[] = [
  ...votes,
  ...work,
  ...delivery,
  ...decisions,
  ...resource,
  ...connections,
  ...outages,
]
