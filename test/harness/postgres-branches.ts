/** A PostgreSQL participant under test, without an engine: branches are made and ended by hand. */
import assert from 'node:assert/strict'
import type { PoolClient } from 'pg'
import type { BranchId } from '../../src/core/ids.ts'
import type {
  Acknowledgement,
  BeginOptions,
  Branch,
  Participant,
  ResourceCheck,
  Vote,
} from '../../src/participants/contract.ts'
import { type PgPool, type PostgresOptions, postgres } from '../../src/postgres.ts'
import { nextIds } from './branch-ids.ts'
import { realPorts } from './ports.ts'
import { until } from './until.ts'

export class TestedParticipant {
  readonly participant: Participant<PoolClient>

  constructor(participant: Participant<PoolClient>) {
    this.participant = participant
  }

  /** A participant over the pool, checked and found ready. */
  static async open(
    pool: PgPool<PoolClient>,
    options: PostgresOptions = {},
  ): Promise<TestedParticipant> {
    const tested = TestedParticipant.attach(pool, options)
    await tested.ready()
    return tested
  }

  /** One that was not checked yet. */
  static attach(pool: PgPool<PoolClient>, options: PostgresOptions = {}): TestedParticipant {
    const participant = postgres(pool, options)
    participant.attach(realPorts())
    return new TestedParticipant(participant)
  }

  /** Asks as an engine does, again and again; answers the fingerprint. */
  async ready(): Promise<string> {
    let found: ResourceCheck = await this.participant.check()
    await until('the database is ready', async () => {
      if (found.status === 'unavailable') found = await this.participant.check()
      return found.status !== 'unavailable'
    })
    assert.ok(found.status === 'ready', JSON.stringify(found))
    return found.fingerprint
  }

  async begin(options: Partial<BeginOptions> = {}): Promise<TestedBranch> {
    const { id, transaction } = nextIds()
    const branch = await this.participant.begin({
      id,
      transaction,
      timeLeftMs: 20_000,
      isolation: undefined,
      readOnly: false,
      ...options,
    })
    return new TestedBranch(options.id ?? id, branch)
  }

  /** A branch that ran these statements, and is sealed. */
  async sealed(...statements: readonly string[]): Promise<TestedBranch> {
    const branch = await this.begin()
    for (const statement of statements) await branch.client.query(statement)
    assert.deepEqual(branch.seal(), [])
    return branch
  }

  /** A branch that ran these statements and voted yes; its evidence besides. */
  async prepared(
    ...statements: readonly string[]
  ): Promise<{ branch: TestedBranch; evidence: string | undefined }> {
    const branch = await this.sealed(...statements)
    const vote = await branch.prepare()
    assert.ok(vote.vote === 'yes', `voted ${vote.vote}`)
    return { branch, evidence: vote.evidence }
  }
}

/** A branch with its id. */
export class TestedBranch {
  readonly id: BranchId
  readonly branch: Branch<PoolClient>

  constructor(id: BranchId, branch: Branch<PoolClient>) {
    this.id = id
    this.branch = branch
  }

  get client(): PoolClient {
    return this.branch.client
  }

  seal(): readonly string[] {
    return this.branch.seal()
  }

  /** Tells it the decision, as an engine does, until the answer is known. */
  async finished(decision: 'commit' | 'rollback'): Promise<Acknowledgement> {
    let answer: Acknowledgement = await this.branch[decision]()
    await until('the branch is finished', async () => {
      if (answer.result === 'unknown') answer = await this.branch[decision]()
      return answer.result !== 'unknown'
    })
    return answer
  }

  prepare(): Promise<Vote> {
    return this.branch.prepare()
  }

  /** Seals and prepares; the cause of the no that is expected. */
  async refusedVote(): Promise<unknown> {
    this.branch.seal()
    const vote = await this.branch.prepare()
    assert.ok(vote.vote === 'no', `voted ${vote.vote}`)
    return vote.cause
  }
}

export { nextIds } from './branch-ids.ts'

export const done = { result: 'done' }

/** The cause that a vote, a result or an acknowledgement carries. */
export function causeOf(answer: object | undefined): unknown {
  return answer !== undefined && 'cause' in answer ? answer.cause : undefined
}
