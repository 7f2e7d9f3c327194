/** A store as a worker uses it: as a participant, and by what it says to it. */
import type { Socket } from 'node:net'

import type { Participant } from '../../../../src/participants/contract.ts'
import type { StatementForm } from '../watched-socket.ts'

/** What the transfers need of a branch's client, whichever driver's it is. */
export interface Client {
  query(text: string, values?: unknown[]): Promise<unknown>
}

export interface Statements {
  /** Takes a difference and the account whose balance it changes. */
  readonly move: string
  /** Takes the id of a transaction and what it moved in. */
  readonly book: string
  /**
   * The same by one statement, where the database has such: what `execute` sends with a commit. The
   * first takes a difference, its account, the id and the difference; the other an id, an amount, and
   * the accounts from which and to which it goes.
   */
  readonly moveAndBook?: string
  readonly shiftAndBook?: string
  /** Takes the id of the transaction that looks. */
  readonly look: string
  /** Makes the branch vote no, at once or when it is asked. */
  readonly refused: string
}

export interface WorkerStore {
  readonly participant: Participant<Client>
  readonly statements: Statements
}

export interface WorkerStoreOptions {
  readonly url: string
  /** How the servers are to list the worker's sessions. */
  readonly session: string
  readonly connectionsMax: number
  readonly answerTimeoutMs: number
  /** Opens it as one that can't prepare. */
  readonly lastResource: boolean
  /** Where it keeps decisions, if it does. */
  readonly decisionSchema: string | undefined
  /** A socket that tells of these statements; not connected yet. */
  readonly socketFor: (forms: StatementForms) => Socket
}

/** How the statements look on the wire that end a branch; the id of its transaction is captured. */
export type StatementForms = readonly StatementForm[]
