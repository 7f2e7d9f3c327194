/**
 * A resource in memory, for participants of the user's own: it keeps what a database would have on
 * its disk, so participants come and go over it as processes do over a database. There is no real
 * part to be had for it: what stands behind a custom participant is the user's own.
 */
import type { Decision } from '../../../../src/core/decision.ts'
import type { HeuristicEnd } from '../../../../src/participants/custom/custom.ts'

interface LedgerBranch {
  readonly keys: Set<string>
  state: 'open' | 'refused' | 'prepared'
}

export class Ledger {
  readonly identity: string
  readonly #rows = new Set<string>()
  readonly #branches = new Map<string, LedgerBranch>()
  readonly #fates = new Map<string, Decision>()

  constructor(identity: string) {
    this.identity = identity
  }

  has(key: string): boolean {
    return this.#rows.has(key)
  }

  read(id: string, key: string): boolean {
    return this.#rows.has(key) || this.#branches.get(id)?.keys.has(key) === true
  }

  begin(id: string): void {
    this.#branches.set(id, { keys: new Set(), state: 'open' })
  }

  write(id: string, key: string): void {
    this.#branches.get(id)?.keys.add(key)
  }

  /** The branch will not be able to commit. */
  refuse(id: string): void {
    const branch = this.#branches.get(id)
    if (branch !== undefined) branch.state = 'refused'
  }

  prepare(id: string): boolean | 'read-only' {
    const branch = this.#branches.get(id)
    // A prepare that comes after the rollback finds nothing that it could bring back.
    if (branch === undefined) return false
    if (branch.state === 'refused') {
      this.end(id, 'aborted')
      return false
    }
    if (branch.keys.size === 0) return 'read-only'
    branch.state = 'prepared'
    return true
  }

  prepared(): string[] {
    const found = [...this.#branches].filter(([, { state }]) => state === 'prepared')
    return found.map(([id]) => id)
  }

  end(id: string, decision: Decision): HeuristicEnd | undefined {
    const fate = this.#fates.get(id)
    const branch = this.#branches.get(id)
    if (fate !== undefined && fate !== decision) {
      const heuristic = fate === 'committed' ? 'committed' : 'rolled-back'
      return { heuristic, detail: 'somebody else ended it' }
    }
    if (fate !== undefined) return undefined
    if (branch === undefined && decision === 'committed') {
      return { heuristic: 'hazard', detail: 'the ledger knows no such branch' }
    }
    this.#fates.set(id, decision)
    this.#branches.delete(id)
    if (decision === 'committed') for (const key of branch?.keys ?? []) this.#rows.add(key)
    return undefined
  }
}
