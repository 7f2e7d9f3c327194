/**
 * What the checkers know: of each transaction what its work meant to do, what was asked of its
 * branches, what each resource did, and what callers were told.
 */
import type { Outcome } from '../../core/decision.ts'
import type { Effect } from '../../core/error-catalogue.ts'
import {
  parseBranchId,
  parseTransactionId,
  type TransactionId,
  type TransactionIdParts,
} from '../../core/ids.ts'
import type { OnePhaseResult } from '../../participants/contract.ts'

/** Account to change, at one resource. */
export type Changes = ReadonlyMap<string, number>

/** What a resource did with a branch, as far as it is durable. */
export interface BranchFact {
  state: 'prepared' | 'committed' | 'rolled-back'
  changes: Changes
  /** What its statements were answered, in order; absent where that is not known. */
  answers?: readonly number[] | undefined
  /** An operator of the database ended it. */
  isByHand: boolean
}

/** A branch as its coordinator began it. */
export interface BegunBranch {
  readonly resource: string
  readonly canPrepare: boolean
  /** All its statements were given when it began. */
  readonly isBatch: boolean
  /** What it voted, once the coordinator knows. */
  vote: 'yes' | 'read-only' | 'no' | 'unknown' | undefined
  isAsked: boolean
  /** Its client takes no more work. */
  isSealed: boolean
  /** It was told to commit without a vote. */
  isOnePhase: boolean
  /** What it answered to that. */
  onePhase?: OnePhaseResult['result']
  /** It has answered that it is rolled back. */
  isGone?: boolean
  /** It was told to commit together with the decision, and what it answered. */
  carries: 'asked' | OnePhaseResult['result'] | undefined
}

/** What a caller was told of its transaction. */
export type Told =
  | {
      readonly how: 'committed'
      readonly settled: boolean
      /** By resource, what each statement answered; of what was executed without a callback. */
      readonly results?: ReadonlyMap<string, readonly number[]>
    }
  | { readonly how: 'failed'; readonly effect: Effect; readonly code: string }

export interface TransactionFacts {
  readonly id: TransactionId
  readonly parts: TransactionIdParts
  /** The incarnation that began it. */
  readonly beganBy: string
  /** By branch number. */
  readonly branches: Map<number, BegunBranch>
  /** By resource, what the work meant to do; undefined while it runs, or if it did not return. */
  intended: ReadonlyMap<string, Changes> | undefined
  /** By resource, what the resource did. */
  readonly done: Map<string, BranchFact>
  /** What parts of its work were told that executed statements inside it. */
  readonly resultsInside: { readonly resource: string; readonly values: readonly number[] }[]
  /** Executed without a callback. */
  isExecuted: boolean
  told: Told | undefined
  /** The latest answer to `outcome` that was not `active` or `unknown`. */
  outcome: Outcome | undefined
  /** Resources that told their coordinator that they went against the decision. */
  readonly heuristics: Set<string>
  /** An operator has seen the heuristics. */
  isForgotten: boolean
}

/** What a caller has given to `execute`. */
export interface Executing {
  readonly intended: ReadonlyMap<string, Changes>
  /** Told the id of every attempt. */
  readonly onBegun: (id: TransactionId) => void
}

export class Facts {
  readonly #transactions = new Map<TransactionId, TransactionFacts>()
  readonly #executing = new Map<string, Executing>()

  all(): Iterable<TransactionFacts> {
    return this.#transactions.values()
  }

  get count(): number {
    return this.#transactions.size
  }

  get(id: string): TransactionFacts | undefined {
    return this.#transactions.get(id as TransactionId)
  }

  /** Of a branch id; undefined for one that nobody here made. */
  ofBranch(branchId: string): TransactionFacts | undefined {
    const parsed = parseBranchId(branchId)
    if (parsed === undefined) return undefined
    return this.#transactions.get(branchId.split('.').slice(1, -1).join('.') as TransactionId)
  }

  /** Statements of this sender will come, in a transaction that nobody has told it of. */
  expect(sender: string, executing: Executing): void {
    this.#executing.set(sender, executing)
  }

  /** A branch of `found` has begun with statements of this sender: all its work is known. */
  executes(found: TransactionFacts, sender: string): void {
    const executing = this.#executing.get(sender)
    if (executing === undefined || found.isExecuted) return
    found.isExecuted = true
    found.intended = executing.intended
    executing.onBegun(found.id)
  }

  /** Notes a transaction when it is first heard of. */
  begun(id: TransactionId, incarnation: string): TransactionFacts {
    const known = this.#transactions.get(id)
    if (known !== undefined) return known
    const parts = parseTransactionId(id)
    if (parts === undefined) throw new Error(`${id} is no transaction id`)
    const facts: TransactionFacts = {
      id,
      parts,
      beganBy: incarnation,
      branches: new Map(),
      intended: undefined,
      done: new Map(),
      resultsInside: [],
      isExecuted: false,
      told: undefined,
      outcome: undefined,
      heuristics: new Set(),
      isForgotten: false,
    }
    this.#transactions.set(id, facts)
    return facts
  }
}
