/**
 * The branches of a PostgreSQL participant, from a connection of the pool on.
 *
 * Keeps A5: no branch is begun but with its modes, its limits and its durability set, and that shown
 * by the server's answer.
 */
import type { BranchId } from '../../core/ids.ts'
import type {
  BatchBranch,
  BatchStatement,
  BeginOptions,
  Branch,
  ParticipantPorts,
} from '../contract.ts'
import { SqlBatchBranch } from '../sql/batch-branch.ts'
import { type BranchParts, SqlBranch } from '../sql/branch.ts'
import { Gate } from '../sql/gate.ts'
import type { Guarded } from '../sql/guarded-client.ts'
import type { Identity } from '../sql/identity.ts'
import { type Rules, rulesFor } from '../sql/plans.ts'
import { type ActsParts, PostgresActs } from './acts.ts'
import { BatchActs, checkBatch } from './batch.ts'
import { Beginnings } from './beginning.ts'
import type { DecisionStatements } from './decisions/statements.ts'
import { Dispatcher } from './dispatcher.ts'
import type { PgPool, PgResult } from './driver.ts'
import { guard } from './guard.ts'
import { Opening } from './opening.ts'
import { type IsolationLevel, readIsolation, type Settings } from './options.ts'
import { forgetNames } from './pipeline.ts'
import type { Reserve } from './reserve.ts'
import { type Session, takeSession } from './session.ts'
import { PostgresWork } from './work.ts'

interface Known {
  readonly rules: Rules
  /** When the transaction's time is over, by the monotonic clock. */
  readonly deadlineMs: number
}

/** What a branch is made of, before its acts. */
interface Start extends Known {
  readonly id: BranchId
  readonly session: Session
  readonly work: PostgresWork
  readonly gate: Gate
  readonly opening: Opening
}

export interface BranchesParts {
  readonly pool: PgPool<unknown>
  readonly settings: Settings
  readonly identity: Identity
  readonly decisions: DecisionStatements
  readonly canPrepare: boolean
  readonly reserve: Reserve
  readonly ports: ParticipantPorts
}

const noClient = Object.freeze({})

export class Branches {
  /** What the database gives a transaction that asks for no isolation; known after `check`. */
  databaseIsolation: IsolationLevel | undefined
  readonly #parts: BranchesParts
  readonly #beginnings: Beginnings

  constructor(parts: BranchesParts) {
    this.#parts = parts
    this.#beginnings = new Beginnings(parts.ports.timers)
  }

  async begin(options: BeginOptions): Promise<Branch<object>> {
    const known = this.#known(options)
    const start = this.#start(options, known, await this.#take(options), new PostgresWork())
    const { session, work, gate, opening, rules } = start
    if (!opening.canRide) await this.#orDestroy(session, opening.begin())
    const dispatcher = new Dispatcher({ session, work, gate, opening, rules })
    const guarded = guard(session.client, dispatcher, gate)
    const acts = new PostgresActs(this.#actsParts(start, guarded))
    return new SqlBranch(this.#branchParts(start, acts))
  }

  async beginBatch(
    options: BeginOptions,
    statements: readonly BatchStatement[],
  ): Promise<BatchBranch<PgResult>> {
    const work = new PostgresWork()
    const known = this.#known(options)
    checkBatch(statements, known.rules, work)
    const start = this.#start(options, known, await this.#take(options), work)
    const { session, gate, opening } = start
    if (!opening.canRide) await this.#orDestroy(session, opening.learn())
    // It has no client: its work was given.
    const guarded = { client: noClient, undress: () => undefined }
    const { readOnly } = options
    const acts = new BatchActs({ ...this.#actsParts(start, guarded), statements, readOnly })
    gate.seal()
    return new SqlBatchBranch(this.#branchParts(start, acts), acts)
  }

  /** What is known of a branch without a connection; throws for options that can't be had. */
  #known(options: BeginOptions): Known {
    const deadlineMs = this.#parts.ports.clock.monotonicMs() + options.timeLeftMs
    return { rules: this.#rulesFor(options), deadlineMs }
  }

  #take({ timeLeftMs }: BeginOptions): Promise<Session> {
    return takeSession(this.#parts.pool, this.#parts.ports, Math.max(1, timeLeftMs))
  }

  /** What a branch on a connection is made of. */
  #start(options: BeginOptions, known: Known, session: Session, work: PostgresWork): Start {
    const beginnings = this.#beginnings
    const { clock } = this.#parts.ports
    const { rules, deadlineMs } = known
    if (!this.#parts.settings.keepStatements) forgetNames(session.client)
    const gate = new Gate(options.transaction, work, session)
    const onFailure = (cause: unknown): void => {
      work.doom(cause)
      session.destroy(cause)
    }
    const modes = { isolation: rules.isolation, readOnly: rules.readOnly }
    const opening = new Opening({ session, beginnings, clock, modes, deadlineMs, onFailure })
    return { id: options.id, session, work, gate, opening, rules, deadlineMs }
  }

  /** Closes the session where its branch can't begin: nothing is left open. */
  async #orDestroy(session: Session, beginning: Promise<void>): Promise<void> {
    try {
      await beginning
    } catch (error) {
      session.destroy(error)
      throw error
    }
  }

  #rulesFor(options: BeginOptions): Rules {
    return rulesFor(options, this.#isolationFor(options.isolation), this.#parts.canPrepare)
  }

  #actsParts({ id, session, work, opening, rules }: Start, guarded: Guarded): ActsParts {
    const { ports, reserve, identity, settings, decisions } = this.#parts
    return {
      session,
      work,
      guarded,
      reserve,
      identity,
      timers: ports.timers,
      answerTimeoutMs: settings.answerTimeoutMs,
      id,
      isSerializable: rules.isolation === 'serializable',
      opening,
      decisions,
    }
  }

  #branchParts({ gate, work, deadlineMs }: Start, acts: PostgresActs): BranchParts {
    const { clock, timers } = this.#parts.ports
    const { answerTimeoutMs } = this.#parts.settings
    return { acts, gate, work, clock, timers, deadlineMs, answerTimeoutMs }
  }

  #isolationFor(asked: string | undefined): IsolationLevel {
    if (asked !== undefined) return readIsolation(asked)
    return this.#parts.settings.defaultIsolation ?? this.databaseIsolation ?? 'read committed'
  }
}
