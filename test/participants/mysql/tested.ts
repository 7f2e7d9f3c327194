/** A MySQL participant under test, without an engine: branches are made and ended by hand. */
import assert from 'node:assert/strict'
import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import type { BranchId } from '../../../src/core/ids.ts'
import { type MysqlOptions, mysql } from '../../../src/mysql.ts'
import type {
  Acknowledgement,
  BeginOptions,
  Branch,
  Participant,
  ResourceCheck,
  Vote,
} from '../../../src/participants/contract.ts'
import { nextIds } from '../../harness/branch-ids.ts'
import { realPorts } from '../../harness/ports.ts'
import { until } from '../../harness/until.ts'

export class TestedParticipant {
  readonly participant: Participant<PoolConnection>

  constructor(participant: Participant<PoolConnection>) {
    this.participant = participant
  }

  /** A participant over the pool, checked and found ready. */
  static async open(pool: Pool, options: MysqlOptions = {}): Promise<TestedParticipant> {
    const tested = TestedParticipant.attach(pool, options)
    await tested.ready()
    return tested
  }

  /** One that was not checked yet. */
  static attach(pool: Pool, options: MysqlOptions = {}): TestedParticipant {
    const participant = mysql(pool, options)
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
  readonly branch: Branch<PoolConnection>

  constructor(id: BranchId, branch: Branch<PoolConnection>) {
    this.id = id
    this.branch = branch
  }

  get client(): PoolConnection {
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

/** The number of a server's error. */
export function errnoOf(error: unknown): unknown {
  return (error as { errno?: unknown } | undefined)?.errno
}

/** What can be asked: a pool, a connection, a branch's client. */
export type Asked = Pick<Pool, 'query'>

/** The rows of a query. */
export async function rowsOf(asked: Asked, text: string, values: unknown[] = []): Promise<Row[]> {
  const [rows] = await asked.query<RowDataPacket[]>(text, values)
  return rows
}

export type Row = Record<string, unknown>

/** The first column of the first row, as a number. */
export async function numberOf(asked: Asked, text: string): Promise<number> {
  const [row] = await rowsOf(asked, text)
  return Number(Object.values(row ?? {})[0])
}

export async function changed(asked: Asked, text: string): Promise<number> {
  const [header] = await asked.query<ResultSetHeader>(text)
  return header.affectedRows
}

/** The global parts of the prepared branches that the server shows, sorted. */
export async function preparedIn(asked: Asked): Promise<string[]> {
  const rows = await rowsOf(asked, 'xa recover')
  return rows.map((row) => String(row.data).slice(0, Number(row.gtrid_length))).sort()
}

/** The global part of a branch's id, as `preparedIn` shows it. */
export function globalOf(id: BranchId): string {
  return id.slice(0, id.lastIndexOf('.'))
}

/** How many connections the pool keeps at rest. */
export function idleIn(pool: Pool): number {
  return sizesOf(pool)._freeConnections.length
}

export function totalIn(pool: Pool): number {
  return sizesOf(pool)._allConnections.length
}

export function waitingIn(pool: Pool): number {
  return sizesOf(pool)._connectionQueue.length
}

type Sizes = Record<
  '_freeConnections' | '_allConnections' | '_connectionQueue',
  { readonly length: number }
>

function sizesOf(pool: Pool): Sizes {
  return (pool as unknown as { pool: Sizes }).pool
}

/** Resolves when all connections are back: a session gets its own limits back before it goes. */
export async function allIdle(pool: Pool): Promise<void> {
  await until('all connections are back', () => idleIn(pool) === totalIn(pool))
}
