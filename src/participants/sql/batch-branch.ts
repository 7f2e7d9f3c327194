/** A branch whose whole work was given at its beginning: an SQL branch with results. */
import type { BatchBranch, FailedStatement } from '../contract.ts'
import { type BranchParts, SqlBranch } from './branch.ts'
import type { BranchActs } from './branch-acts.ts'

/** The acts of such a branch: its statements run with its vote. */
export interface BatchBranchActs<Result> extends BranchActs {
  readonly results: readonly Result[]
  readonly failed: FailedStatement | undefined
}

export class SqlBatchBranch<Result> extends SqlBranch implements BatchBranch<Result> {
  readonly #acts: BatchBranchActs<Result>

  constructor(parts: BranchParts, acts: BatchBranchActs<Result>) {
    super(parts)
    this.#acts = acts
  }

  get results(): readonly Result[] {
    return this.#acts.results
  }

  get failed(): FailedStatement | undefined {
    return this.#acts.failed
  }
}
