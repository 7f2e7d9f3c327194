/** A1: what the accounts hold is what they held at first and what committed branches changed. */
import type { ResourceSet } from '../resources.ts'
import type { Broken } from '../violations.ts'
import type { Facts } from './facts.ts'

export function judgeMoney(resources: ResourceSet, facts: Facts, broken: Broken): void {
  const { databases, services, lastResources, opening } = resources
  const all = [...databases, ...services, ...lastResources.map(({ service }) => service)]
  let sum = 0
  for (const { balances } of all) for (const balance of balances.values()) sum += balance
  let expected = opening
  for (const { done } of facts.all()) {
    for (const { state, changes } of done.values()) {
      if (state !== 'committed') continue
      for (const change of changes.values()) expected += change
    }
  }
  if (sum !== expected) broken('A1', `the accounts hold ${sum}, and the ledger says ${expected}`)
}
