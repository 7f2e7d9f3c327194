/**
 * A resource on the stage: every message to it waits until the script lets it arrive, and so does
 * every reply. What it forces survives its crashes, and those of the coordinators that it serves.
 */
import type { Decision } from '../../src/core/decision.ts'
import type { BranchId } from '../../src/core/ids.ts'
import type {
  Acknowledgement,
  Branch,
  OnePhaseResult,
  Participant,
  Vote,
} from '../../src/participants/contract.ts'

export type Kind = 'two-phase' | 'one-phase' | 'last' | 'last-with-evidence'
type Method = 'prepare' | 'commit in one phase' | 'commit' | 'roll back'
type Answer = Vote | OnePhaseResult | Acknowledgement

/** How a resource takes a message, where it does not simply do it. */
export type Mood = 'no' | 'read-only' | 'ended' | 'heuristic'

/** A message on its way, or the reply to it on its way back. */
interface Message {
  readonly method: Method
  readonly id: BranchId
  readonly isFromTheDead: () => boolean
  readonly settle: (answer: Answer) => void
  reply: Answer | undefined
}

/** `open` is lost with its session; `ended` wrote nothing; all else is forced. */
type BranchFate = 'open' | 'open, read-only' | 'ended' | 'prepared' | 'committed' | 'rolled back'

export class ScriptedResource {
  readonly name: string
  readonly #kind: Kind
  readonly #say: (line: string) => void
  readonly #branches = new Map<BranchId, BranchFate>()
  readonly #messages: Message[] = []
  #isUp = true

  constructor(name: string, kind: Kind, say: (line: string) => void) {
    this.name = name
    this.#kind = kind
    this.#say = say
  }

  /** The resource as one process reaches it. */
  participant(process: { readonly isDead: boolean }): Participant<undefined> {
    const send = (method: Method, id: BranchId): Promise<Answer> =>
      this.#send(method, id, () => process.isDead)
    const finishing = (id: BranchId) => ({
      commit: () => send('commit', id) as Promise<Acknowledgement>,
      rollback: () => send('roll back', id) as Promise<Acknowledgement>,
    })
    const canPrepare = this.#kind === 'two-phase' || this.#kind === 'one-phase'
    return {
      kind: 'scripted',
      canPrepare,
      canCommitOnePhase: this.#kind !== 'two-phase',
      attach: () => undefined,
      check: async () => {
        if (!this.#isUp) return { status: 'unavailable', cause: new Error(`${this.name} is down`) }
        return { status: 'ready', fingerprint: this.name, preparedLimit: undefined }
      },
      begin: async ({ id }): Promise<Branch<undefined>> => {
        this.#branches.set(id, 'open')
        return {
          ...finishing(id),
          client: undefined,
          doomed: undefined,
          seal: () => [],
          prepare: () => send('prepare', id) as Promise<Vote>,
          commitOnePhase: () => send('commit in one phase', id) as Promise<OnePhaseResult>,
        }
      },
      recover: ({ id }) => finishing(id),
      ...(canPrepare ? { listPrepared: async () => this.#prepared() } : {}),
      ...(this.#kind === 'last-with-evidence'
        ? { evidenceOf: async (id: BranchId) => this.#evidenceOf(id) }
        : {}),
      close: async () => undefined,
    }
  }

  /** The oldest message arrives and is done, durably; the reply is on its way. */
  receive(mood: Mood | undefined): void {
    const message = this.#messages.find(({ reply }) => reply === undefined)
    if (message === undefined) throw new Error(`no message is on its way to ${this.name}`)
    message.reply = this.#do(message, mood)
    if (message.isFromTheDead()) this.#remove(message) // nobody is there to hear of it
  }

  /** The newest message overtakes the others, is done, and its reply arrives. */
  overtake(): void {
    const message = this.#messages.at(-1)
    if (message === undefined) throw new Error(`nothing is on its way to ${this.name}`)
    this.#say(`'${message.method}' overtakes '${this.#messages[0]?.method}'`)
    message.reply = this.#do(message, undefined)
    this.#remove(message)
    this.#say(`${this.name} -> coordinator: ${wordOf(message.reply)}`)
    message.settle(message.reply)
  }

  /** The oldest reply arrives. */
  reply(): void {
    const message = this.#messages.find(({ reply }) => reply !== undefined)
    if (message?.reply === undefined) throw new Error(`no reply of ${this.name} is on its way`)
    this.#remove(message)
    this.#say(`${this.name} -> coordinator: ${wordOf(message.reply)}`)
    message.settle(message.reply)
  }

  /** The connection breaks with a message, or its reply, on the way: the sender gets to know that. */
  lose(): void {
    const message = this.#messages[0]
    if (message === undefined) throw new Error(`nothing is on its way to or from ${this.name}`)
    this.#break(message, 'connection lost')
  }

  /** A message, or its reply, is lost without a word. */
  drop(): void {
    const message = this.#messages[0]
    if (message === undefined) throw new Error(`nothing is on its way to or from ${this.name}`)
    this.#remove(message)
    this.#say(`${nameOf(message)} is lost without a word`)
  }

  crash(): void {
    this.#isUp = false
    for (const id of this.#branches.keys()) this.#loseIfOpen(id)
    for (const message of [...this.#messages]) this.#break(message, 'connection lost')
  }

  restart(): void {
    this.#isUp = true
  }

  /**
   * The coordinator is dead: replies reach nobody, and what is open is rolled back with its session,
   * unless a message of the dead one is on its way there: it can still arrive.
   */
  coordinatorDied(): void {
    for (const message of this.#messages.filter(({ reply }) => reply !== undefined)) {
      this.#remove(message)
      this.#say(`${nameOf(message)} of ${this.name} is lost`)
    }
    const mayStillArrive = new Set(this.#messages.map(({ id }) => id))
    for (const id of this.#branches.keys()) if (!mayStillArrive.has(id)) this.#loseIfOpen(id)
  }

  /** What it says of its branches. */
  show(): string {
    const fates = [...this.#branches.values()]
    return `${this.name} is ${this.#isUp ? '' : 'down, '}${fates.join(', ') || 'untouched'}`
  }

  /** Somebody ends the branch by hand, against every rule. */
  endByHand(decision: Decision): void {
    const fate = decision === 'committed' ? 'committed' : 'rolled back'
    for (const id of this.#branches.keys()) this.#force(id, fate)
  }

  async #send(method: Method, id: BranchId, isFromTheDead: () => boolean): Promise<Answer> {
    this.#say(`coordinator -> ${this.name}: ${method}`)
    if (!this.#isUp) {
      this.#say(`${this.name} is down`)
      return lostAnswer(method, `${this.name} is down`)
    }
    return new Promise((settle) => {
      this.#messages.push({ method, id, isFromTheDead, settle, reply: undefined })
    })
  }

  #do({ method, id }: Message, mood: Mood | undefined): Answer {
    const fate = this.#branches.get(id)
    switch (method) {
      case 'prepare':
        return this.#prepare(id, mood)
      case 'commit in one phase': {
        if (mood === 'no') {
          this.#force(id, 'rolled back')
          return { result: 'aborted', cause: new Error('a deferred constraint') }
        }
        this.#force(id, 'committed')
        return { result: 'committed' }
      }
      case 'commit':
        if (fate === 'open, read-only') this.#branches.set(id, 'ended')
        if (fate !== 'prepared' && fate !== 'rolled back') return { result: 'done' }
        if (mood === 'heuristic' || fate !== 'prepared') return gone('rolled-back')
        this.#force(id, 'committed')
        return { result: 'done' }
      case 'roll back':
        if (fate === 'committed') return gone('committed')
        if (fate !== 'rolled back') this.#force(id, 'rolled back')
        return { result: 'done' }
    }
  }

  #prepare(id: BranchId, mood: Mood | undefined): Vote {
    switch (mood) {
      case 'no':
        this.#force(id, 'rolled back')
        return { vote: 'no', cause: new Error('a deferred constraint') }
      case 'read-only':
        this.#branches.set(id, 'open, read-only')
        return { vote: 'read-only', ended: false }
      case 'ended':
        this.#branches.set(id, 'ended')
        return { vote: 'read-only', ended: true }
      default:
        this.#force(id, 'prepared')
        return { vote: 'yes', evidence: undefined }
    }
  }

  #force(id: BranchId, fate: BranchFate): void {
    this.#branches.set(id, fate)
    this.#say(`${this.name} forces: ${fate}`)
  }

  #loseIfOpen(id: BranchId): void {
    const fate = this.#branches.get(id)
    if (fate === 'open') this.#branches.set(id, 'rolled back')
    if (fate === 'open, read-only') this.#branches.set(id, 'ended')
  }

  #prepared(): { id: BranchId; preparedAtMs: undefined }[] {
    if (!this.#isUp) throw new Error(`${this.name} is down`)
    const ids = [...this.#branches.keys()].filter((id) => this.#branches.get(id) === 'prepared')
    return ids.map((id) => ({ id, preparedAtMs: undefined }))
  }

  #evidenceOf(id: BranchId): Decision | 'unknown' {
    const fate = this.#branches.get(id)
    const found = fate === 'committed' ? 'committed' : 'aborted'
    const answer = this.#isUp && !fate?.startsWith('open') ? found : 'unknown'
    this.#say(`coordinator asks ${this.name} for evidence: ${answer}`)
    return answer
  }

  #break(message: Message, why: string): void {
    this.#remove(message)
    this.#say(`${nameOf(message)} is lost, and so is the connection`)
    // The session is gone, and with it what was not forced.
    this.#loseIfOpen(message.id)
    if (!message.isFromTheDead()) message.settle(lostAnswer(message.method, why))
  }

  #remove(message: Message): void {
    this.#messages.splice(this.#messages.indexOf(message), 1)
  }
}

function nameOf({ method, reply }: Message): string {
  return reply === undefined ? `the message '${method}'` : `the reply '${wordOf(reply)}'`
}

function lostAnswer(method: Method, why: string): Answer {
  const cause = new Error(why)
  return method === 'prepare' ? { vote: 'unknown', cause } : { result: 'unknown', cause }
}

function gone(kind: 'committed' | 'rolled-back'): Acknowledgement {
  return { result: 'heuristic', kind, detail: 'ended by hand' }
}

function wordOf(answer: Answer): string {
  if ('vote' in answer) return answer.vote
  if (answer.result === 'heuristic') return `heuristically ${answer.kind}`
  return answer.result
}
