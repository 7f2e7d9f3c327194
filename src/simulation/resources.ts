/** Makes the resources of a run. */
import { Database, type ResourceObserver } from './database/database.ts'
import type { DecisionObserver } from './database/decisions/stored-decisions.ts'
import type { Plan } from './profile.ts'
import type { SeededRandom } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import { Service } from './service/service.ts'
import type { Trace } from './trace.ts'

const openingBalance = 1_000

export interface ResourceSet {
  readonly databases: readonly Database[]
  readonly services: readonly Service[]
  readonly lastResources: readonly { readonly service: Service; readonly hasEvidence: boolean }[]
  /** All the money there is. */
  readonly opening: number
}

export function makeResources(
  plan: Plan,
  shared: {
    readonly scheduler: Scheduler
    readonly random: SeededRandom
    readonly trace: Trace
    readonly observer: ResourceObserver
    readonly decisions: DecisionObserver
  },
): ResourceSet {
  const { random } = shared
  const { forcedWriteMs, conflictChance, noVoteChance, preparedLimit } = plan
  const accounts = Array.from({ length: plan.accounts }, (_, index) => `a${index}`)
  const service = (name: string): Service =>
    new Service({
      ...shared,
      name,
      random: random.fork(name),
      accounts,
      balance: openingBalance,
      forcedWriteMs,
      refuseChance: noVoteChance,
    })
  const databases = Array.from({ length: plan.databases }, (_, index) => {
    const name = `db${index}`
    const isDeciding = name === plan.decisions?.in
    return new Database({
      ...shared,
      name,
      decisions: isDeciding
        ? { observer: shared.decisions, takesSnapshots: plan.decisions.takesSnapshots }
        : undefined,
      random: random.fork(name),
      conditions: { forcedWriteMs, conflictChance, noVoteChance },
      accounts,
      balance: openingBalance,
      preparedLimit,
      xidDigits: plan.xidDigits,
    })
  })
  const services = Array.from({ length: plan.services }, (_, index) => service(`svc${index}`))
  const lastResources = plan.lastResources.map((kind, index) => ({
    service: service(`last${index}`),
    hasEvidence: kind === 'evidence',
  }))
  const count = databases.length + services.length + lastResources.length
  return { databases, services, lastResources, opening: count * accounts.length * openingBalance }
}
