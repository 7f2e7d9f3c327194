/** A10: at rest nothing is locked, so a transaction over all databases commits. */
import type { TransactionId } from '../../core/ids.ts'
import type { Process } from '../process/process.ts'
import type { ResourceSet } from '../resources.ts'
import type { Broken } from '../violations.ts'
import type { Facts } from './facts.ts'

/** How long the world runs on for the answer. */
export const probeLimitMs = 5_000
const timeoutMs = 10_000

interface Probing {
  readonly databases: ResourceSet['databases']
  readonly facts: Facts
  readonly broken: Broken
  /** Lets the world go on until then, or until it is given up. */
  readonly until: (isDone: () => boolean) => Promise<void>
}

export async function probe(survivor: Process, probing: Probing): Promise<void> {
  const { coordinator, name } = survivor
  const { databases, facts, broken, until } = probing
  if (coordinator === undefined) return
  const names = databases.map((database) => database.name)
  let failure: unknown = new Error('no answer')
  const work = async (tx: { readonly id: TransactionId }): Promise<void> => {
    const changes = new Map<string, number>()
    for (const account of databases[0]?.balances.keys() ?? []) {
      for (const resource of names) await (await coordinator.join(resource)).add(account, 0)
      changes.set(account, 0)
    }
    const found = facts.get(tx.id)
    if (found !== undefined) found.intended = new Map(names.map((each) => [each, changes]))
  }
  coordinator.transaction(work, { timeoutMs }).then(
    () => {
      failure = undefined
    },
    (thrown: unknown) => {
      failure = thrown
    },
  )
  await until(() => failure === undefined)
  if (failure === undefined) return
  broken('A10', `at rest, a transaction at ${name} fails: ${String(failure)}`)
}
