/**
 * What the conformance suite asks of an implementation of `Participant`, so that one suite runs over
 * all of them: how to make one, how to work in a branch, and how to look at the resource from
 * outside, past everything of ours.
 */
import type { Decision } from '../../../src/core/decision.ts'
import type { BranchId } from '../../../src/core/ids.ts'
import type { Participant } from '../../../src/participants/contract.ts'

/** What not every implementation can do; a behaviour names what it takes for granted. */
export type Capability =
  /** Branches can be prepared. */
  | 'prepare'
  /** Can be asked for all prepared branches. */
  | 'list'
  /** Commits a branch without a vote. */
  | 'one-phase'
  /** Tells a branch that only read from one that wrote. */
  | 'read-only-votes'
  /** Can tell how a branch ended that is not there any more. */
  | 'proof-of-fate'
  | 'savepoints'
  /** Keeps decisions, and its branches carry them in their own commit. */
  | 'decisions'
  /** The client is guarded: it knows what failed and what was not awaited, and it can be sealed. */
  | 'guarded-client'
  /** Takes `isolation` and `readOnly`. */
  | 'modes'
  /** Works over a pool of connections. */
  | 'sessions'
  /** The tests may kill and freeze the server. */
  | 'server'

/** What every database offers. */
export const databaseCapabilities: readonly Capability[] = [
  'prepare',
  'list',
  'one-phase',
  'savepoints',
  'guarded-client',
  'modes',
  'sessions',
  'server',
]

export interface Subject {
  readonly name: string
  readonly can: ReadonlySet<Capability>
  /** A participant, not attached yet, over connections of its own: as another process makes one. */
  open(options: OpenOptions): Opened
  /** One that reaches another resource of the same kind. */
  openElsewhere(): Opened
  /** The work that a branch's client can do. */
  work(client: unknown): Work
  /** Whether the row is there for everybody. */
  isVisible(key: string): Promise<boolean>
  /** The ids that the resource itself says are prepared. Needs `list`. */
  preparedIds(): Promise<readonly string[]>
  /** Prepares a branch that is not ours; answers the id by which it is listed. Needs `list`. */
  prepareStranger(id: string): Promise<string>
  /** Finishes a branch as an operator does, past the participant. Needs `prepare`. */
  finishOutside(id: string, decision: Decision): Promise<void>
  /** Whether the resource itself lists the branch as prepared. Needs `prepare`. */
  isPrepared(id: BranchId): Promise<boolean>
  readonly sessions?: Sessions
  readonly server?: Server
  /** Ends whatever a failed behaviour has left at the resource. */
  cleanUp(): Promise<void>
}

export interface OpenOptions {
  /** At most so many connections in the user's pool; 4 by default. */
  readonly connections?: number
  /** How long the participant waits for one answer of the server; its own default by default. */
  readonly answerTimeoutMs?: number
}

export interface Opened {
  readonly participant: Participant
  /** The user's pool. Needs `sessions`. */
  readonly pool: UserPool | undefined
  /** Ends the user's pool. */
  end(): Promise<void>
}

/** Work in a branch; each resolves when the resource has answered. */
export interface Work {
  write(key: string): Promise<unknown>
  /** Whether the branch sees the row. */
  read(key: string): Promise<boolean>
  /**
   * Makes the resource refuse this branch, so that it can't commit. With `guarded-client` it rejects
   * with what the resource said.
   */
  fail(): Promise<unknown>
  /** Changes a setting of the session. Needs `sessions`. */
  changeSession(): Promise<unknown>
}

/** The pool that the user gave, as the user sees it. */
export interface UserPool {
  /** How many connections it has, and how many of them nobody uses. */
  total(): number
  idle(): number
  /** Takes a connection out, as other code of the user's does. */
  hold(): Promise<HeldConnection>
}

export interface HeldConnection {
  /** Writes outside any transaction, if the connection is in none. */
  write(key: string): Promise<unknown>
  begin(): Promise<unknown>
  changeSession(): Promise<unknown>
  /** Whether the setting that `changeSession` changes is as it was. */
  isUnchanged(): Promise<boolean>
  release(): void
}

export interface Sessions {
  /** How many the resource has, those of this harness not counted. */
  count(): Promise<number>
  /** Ends them all, and waits until they are gone. */
  cutOff(): Promise<void>
}

export interface Server {
  kill(): Promise<void>
  start(): Promise<void>
  suspend(): Promise<void>
  resume(): Promise<void>
}
