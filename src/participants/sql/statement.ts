/** What a statement would do to the branch's transaction, whichever database it is written for. */
import type { IsolationLevel } from './isolation.ts'

export type TransactionStatement =
  | BeginStatement
  | EndStatement
  | SavepointStatement
  | SetTransactionStatement
  /** Of two-phase commit: begins, prepares or finishes a branch. */
  | { readonly kind: 'two-phase'; readonly words: string }

export interface BeginStatement {
  readonly kind: 'begin'
  /** The tag that the server would answer. */
  readonly tag: 'BEGIN' | 'START'
  /** Undefined where a mode is not known. */
  readonly modes: Modes | undefined
}

/** Sets the isolation or the access of the transaction that is open, or of those to come. */
export interface SetTransactionStatement {
  readonly kind: 'set-transaction'
  /** Given where it is about one transaction and all its modes are known. */
  readonly modes?: Modes | undefined
}

export interface EndStatement {
  readonly kind: 'commit' | 'rollback'
  /** `unknown` is anything beside the plain end, such as AND CHAIN. */
  readonly form: 'plain' | 'unknown'
}

export interface SavepointStatement {
  readonly kind: 'savepoint' | 'release' | 'rollback-to'
  readonly name: string
}

/** The modes that a BEGIN asks for. */
export interface Modes {
  readonly isolation: IsolationLevel | undefined
  readonly access: 'read write' | 'read only' | undefined
  /** DEFERRABLE, or whatever else a savepoint can't give. */
  readonly deferrable: boolean
}
