/** A participant under test, without an engine: branches are made and ended by hand. */
import assert from 'node:assert/strict'

import type { BranchId } from '../../src/core/ids.ts'
import type {
  Acknowledgement,
  BeginOptions,
  Branch,
  Participant,
  ResourceCheck,
  Vote,
} from '../../src/participants/contract.ts'
import { nextIds } from './branch-ids.ts'
import { realPorts } from './ports.ts'
import { until } from './until.ts'

/** What statements without values are sent to. */
interface Querying {
  query(text: string): Promise<unknown>
}

export class TestedParticipantOf<Client extends Querying> {
  readonly participant: Participant<Client>

  /** One that belongs to nobody yet. */
  constructor(participant: Participant<Client>) {
    participant.attach(realPorts())
    this.participant = participant
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

  async begin(options: Partial<BeginOptions> = {}): Promise<TestedBranchOf<Client>> {
    const { id, transaction } = nextIds()
    const branch = await this.participant.begin({
      id,
      transaction,
      timeLeftMs: 20_000,
      isolation: undefined,
      readOnly: false,
      ...options,
    })
    return new TestedBranchOf(options.id ?? id, branch)
  }

  /** A branch that ran these statements, and is sealed. */
  async sealed(...statements: readonly string[]): Promise<TestedBranchOf<Client>> {
    const branch = await this.begin()
    for (const statement of statements) await branch.client.query(statement)
    assert.deepEqual(branch.seal(), [])
    return branch
  }

  /** A branch that ran these statements and voted yes; its evidence besides. */
  async prepared(
    ...statements: readonly string[]
  ): Promise<{ branch: TestedBranchOf<Client>; evidence: string | undefined }> {
    const branch = await this.sealed(...statements)
    const vote = await branch.prepare()
    assert.ok(vote.vote === 'yes', `voted ${vote.vote}`)
    return { branch, evidence: vote.evidence }
  }
}

/** A branch with its id. */
export class TestedBranchOf<Client extends Querying> {
  readonly id: BranchId
  readonly branch: Branch<Client>

  constructor(id: BranchId, branch: Branch<Client>) {
    this.id = id
    this.branch = branch
  }

  get client(): Client {
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

  /** Seals and rolls back what was not voted on. */
  async dropped(): Promise<void> {
    this.branch.seal()
    assert.deepEqual(await this.branch.rollback(), done)
  }
}

export const done = { result: 'done' }

/** The cause that a vote, a result or an acknowledgement carries. */
export function causeOf(answer: object | undefined): unknown {
  return answer !== undefined && 'cause' in answer ? answer.cause : undefined
}
