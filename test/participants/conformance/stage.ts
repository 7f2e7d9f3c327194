/** Where a behaviour is tried: participants of one subject, opened and closed, and their branches. */
import assert from 'node:assert/strict'

import type {
  Acknowledgement,
  BeginOptions,
  Branch,
  FinishableBranch,
  Participant,
  ResourceCheck,
  Vote,
} from '../../../src/participants/contract.ts'
import { nextIds } from '../../harness/branch-ids.ts'
import { realPorts } from '../../harness/ports.ts'
import { until } from '../../harness/until.ts'
import type {
  Capability,
  Opened,
  OpenOptions,
  Server,
  Sessions,
  Subject,
  UserPool,
  Work,
} from './subject.ts'

/** Puts something else in a participant's place: a broken one. */
export type Plant = (opened: Opened, subject: Subject) => Participant

export interface StageOptions {
  /** How long a condition is waited for. */
  readonly patienceMs?: number
  readonly plant?: Plant
}

let keys = 0

export class Stage {
  readonly subject: Subject
  readonly #patienceMs: number | undefined
  readonly #plant: Plant
  readonly #opened: TriedParticipant[] = []
  readonly #elsewhere: Opened[] = []

  constructor(subject: Subject, { patienceMs, plant }: StageOptions = {}) {
    this.subject = subject
    this.#patienceMs = patienceMs
    this.#plant = plant ?? (({ participant }) => participant)
  }

  can(capability: Capability): boolean {
    return this.subject.can.has(capability)
  }

  get sessions(): Sessions {
    assert.ok(this.subject.sessions !== undefined, 'the behaviour needs sessions')
    return this.subject.sessions
  }

  get server(): Server {
    assert.ok(this.subject.server !== undefined, 'the behaviour needs server')
    return this.subject.server
  }

  /** A key that no other row has. */
  key(): string {
    keys += 1
    return `key-${process.pid}-${keys}`
  }

  /** A participant that is attached, and ready unless told otherwise. */
  async open(options: OpenOptions & { isReady?: boolean } = {}): Promise<TriedParticipant> {
    const opened = this.subject.open(options)
    const participant = this.#plant(opened, this.subject)
    const tried = new TriedParticipant(this, participant, opened)
    this.#opened.push(tried)
    participant.attach(realPorts('tried'))
    if (options.isReady !== false) await tried.ready()
    return tried
  }

  /** One at another resource. */
  async openElsewhere(): Promise<Participant> {
    const opened = this.subject.openElsewhere()
    this.#elsewhere.push(opened)
    const participant = this.#plant(opened, this.subject)
    participant.attach(realPorts('elsewhere'))
    return await Promise.resolve(participant)
  }

  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    return until(what, condition, this.#patienceMs)
  }

  /** The promise's own end, within the bound. */
  async ended<Value>(what: string, promise: Promise<Value>): Promise<Value> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    await Promise.race([promise.then(over, over), this.until(what, () => isOver)])
    return await promise
  }

  /** Tells the decision, as an engine does, until the answer is known. */
  async finished(
    branch: FinishableBranch,
    decision: 'commit' | 'rollback',
  ): Promise<Acknowledgement> {
    let answer: Acknowledgement = { result: 'unknown', cause: undefined }
    await this.until(`the ${decision} is known`, async () => {
      answer = await this.ended(`the answer to ${decision}`, branch[decision]())
      return answer.result !== 'unknown'
    })
    return answer
  }

  async close(): Promise<void> {
    for (const { participant } of this.#opened) await participant.close()
    await Promise.all(
      [...this.#opened.map(({ opened }) => opened), ...this.#elsewhere].map((each) => each.end()),
    )
    await this.subject.cleanUp()
  }
}

export class TriedParticipant {
  readonly participant: Participant
  readonly opened: Opened
  readonly #stage: Stage

  constructor(stage: Stage, participant: Participant, opened: Opened) {
    this.#stage = stage
    this.participant = participant
    this.opened = opened
  }

  get pool(): UserPool {
    assert.ok(this.opened.pool !== undefined, 'the behaviour needs sessions')
    return this.opened.pool
  }

  /** Asks until the resource is reached; answers the fingerprint. */
  async ready(): Promise<string> {
    let found: ResourceCheck = { status: 'unavailable', cause: undefined }
    await this.#stage.until('the resource is reached', async () => {
      found = await this.participant.check()
      return found.status !== 'unavailable'
    })
    return fingerprintOf(found)
  }

  async begin(options: Partial<BeginOptions> = {}): Promise<TriedBranch> {
    const ids = nextIds()
    const all = { ...ids, timeLeftMs: 20_000, isolation: undefined, readOnly: false, ...options }
    const beginning = this.participant.begin(all)
    const branch = await this.#stage.ended('the beginning of a branch', beginning)
    return new TriedBranch(this.#stage, all.id, branch)
  }

  /** A branch that wrote a row and voted yes. */
  async prepared(): Promise<PreparedBranch> {
    const branch = await this.begin()
    const key = this.#stage.key()
    await branch.work.write(key)
    const vote = await branch.sealedVote()
    assert.equal(vote.vote, 'yes', `it voted ${vote.vote}: ${String(causeOf(vote))}`)
    const evidence = vote.vote === 'yes' ? vote.evidence : undefined
    return { branch, key, evidence }
  }

  recover({ branch, evidence }: PreparedBranch): FinishableBranch {
    return this.participant.recover({ id: branch.id, evidence })
  }

  /** Waits until every connection of the user's pool is idle, and at most `atMost` are there. */
  async untilIdle(atMost = Number.POSITIVE_INFINITY): Promise<void> {
    const { pool } = this
    await this.#stage.until('every connection is back in the pool', () => {
      return pool.idle() === pool.total() && pool.total() <= atMost
    })
  }
}

export interface PreparedBranch {
  readonly branch: TriedBranch
  /** Of the row that it wrote. */
  readonly key: string
  readonly evidence: string | undefined
}

/** A branch with its id and its work. */
export class TriedBranch {
  readonly id: BeginOptions['id']
  readonly branch: Branch
  readonly work: Work
  readonly #stage: Stage

  constructor(stage: Stage, id: BeginOptions['id'], branch: Branch) {
    this.#stage = stage
    this.id = id
    this.branch = branch
    this.work = stage.subject.work(branch.client)
  }

  /** Seals it, with nothing left undone, and asks for the vote. */
  async sealedVote(): Promise<Vote> {
    assert.deepEqual(this.branch.seal(), [], 'all its work was awaited')
    return await this.#stage.ended('the vote', this.branch.prepare())
  }

  /** Ends as the decision says, and says so. */
  async ends(decision: 'commit' | 'rollback'): Promise<void> {
    assert.deepEqual(await this.#stage.finished(this.branch, decision), done)
  }
}

export const done: Acknowledgement = { result: 'done' }

export function fingerprintOf(check: ResourceCheck): string {
  assert.equal(check.status, 'ready', JSON.stringify(check))
  return check.status === 'ready' ? check.fingerprint : ''
}

export function causeOf(answer: object): unknown {
  return 'cause' in answer ? answer.cause : undefined
}
