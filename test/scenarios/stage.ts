/**
 * The stage on which a scenario is played: one transaction, its caller, a coordinator that can die
 * and come back, a disk that forces when it is told to, and the resources. The coordinator is the
 * production code; every line that happens is written down.
 */
import type { TestContext } from 'node:test'

import type { Coordinator } from '../../src/coordinator/coordinator.ts'
import type { StateChange } from '../../src/coordinator/events.ts'
import type { Decision } from '../../src/core/decision.ts'
import { isAssentError } from '../../src/core/errors.ts'
import type { StoredRecord } from '../../src/log/records.ts'
import { Gate } from '../coordinator/doubles/gate.ts'
import { Installation, Life, type Process } from '../coordinator/doubles/installation.ts'
import { promisesSettled } from '../coordinator/doubles/manual-time.ts'
import { type Kind, ScriptedResource } from './scripted-resource.ts'

const signature = { by: 'operator', reason: 'seen in the mail server' }

export class Stage {
  readonly #installation: Installation
  readonly #resources = new Map<string, ScriptedResource>()
  /** The names of the resources' numbers in the log. */
  readonly #names = new Map<number, string>()
  #lines: string[] = []
  #process: Process | undefined
  #work = new Gate()
  #id = ''

  constructor(context: TestContext) {
    this.#installation = new Installation(context)
    this.#installation.logs.durability = 'when told'
    this.#installation.logs.onAppend = (record, isForced) => {
      if (record.type === 'resource') this.#names.set(record.number, record.name)
      const line = this.#recordInWords(record)
      if (line !== undefined) this.#say(`log ${isForced ? 'forces' : 'notes'}: ${line}`)
    }
  }

  /** Lets everything go on that can without time passing. */
  rest(): Promise<void> {
    return promisesSettled()
  }

  /** What has happened since this was asked last. */
  async takeLines(): Promise<string[]> {
    await promisesSettled()
    const lines = this.#lines
    this.#lines = []
    return lines
  }

  /** `a b last:m`: names, each with its kind where that is not two-phase. */
  async open(resources: readonly string[]): Promise<void> {
    for (const text of resources) {
      const [name = '', kind = 'two-phase'] = text.split(':').toReversed()
      const say = (line: string): void => this.#say(line)
      this.#resources.set(name, new ScriptedResource(name, kind as Kind, say))
    }
    await this.startCoordinator()
  }

  begin(names: readonly string[], timeoutMs: number): void {
    const work = new Gate()
    this.#work = work
    const call = this.#coordinator().transact(
      [...names],
      ({ tx }) => {
        this.#id = tx.id
        return work.pass()
      },
      { timeoutMs },
    )
    call.then(
      ({ settled }) => this.#say(`caller is told: committed${settled ? '' : ', not settled yet'}`),
      (reason: unknown) => this.#say(`caller is told: ${reasonInWords(reason)}`),
    )
  }

  endWork(fails: boolean): void {
    if (fails) this.#work.fail(new Error('the work fails'))
    else this.#work.open()
  }

  resource(name: string): ScriptedResource {
    const found = this.#resources.get(name)
    if (found === undefined) throw new Error(`there is no resource ${name}`)
    return found
  }

  /** The forced write that is under way ends well. */
  durable(): void {
    if (this.#live().log.forcedWaiting === 0) throw new Error('no forced write is under way')
    this.#say('log is durable')
    this.#live().log.writeOut()
  }

  /** What was noted lazily is written after a while, though nobody waits for it. */
  lazyWrite(): void {
    this.#say('log writes what it noted')
    this.#live().log.writeOut()
  }

  /** The forced write that is under way fails; nobody can tell whether the record is on the disk. */
  failWrite(kept: boolean): void {
    this.#say(`log fails; the record is ${kept ? 'on the disk all the same' : 'not on the disk'}`)
    this.#installation.logs.nextFailure = { error: new Error('no space left'), kept }
    this.#live().log.writeOut()
  }

  crashCoordinator(writeReachedDisk: boolean): void {
    const { log } = this.#live()
    if (writeReachedDisk) {
      this.#say('the write reaches the disk')
      log.writeOutSilently()
    }
    this.#live().crash()
    this.#process = undefined
    for (const resource of this.#resources.values()) resource.coordinatorDied()
  }

  async startCoordinator(): Promise<void> {
    const life = new Life()
    life.onPublish = (change) => this.#published(change)
    const participants = [...this.#resources].map(([name, resource]) => [
      name,
      resource.participant(life),
    ])
    this.#process = await this.#installation.startAs(life, Object.fromEntries(participants))
  }

  async tick(byMs: number): Promise<void> {
    await this.#installation.time.advance(byMs)
  }

  resolve(decision: Decision, resource: string | undefined): void {
    const act = resource === undefined ? signature : { ...signature, resource }
    this.#coordinator()
      .resolve(this.#id, decision, act)
      .then(
        () => this.#say('operator is told: done'),
        (reason: unknown) => this.#say(`operator is told: ${reasonInWords(reason)}`),
      )
  }

  /** Every side as it is now. */
  async show(): Promise<void> {
    if (this.#process === undefined) this.#say('coordinator is dead')
    else this.#say(`outcome is ${await this.#coordinator().outcome(this.#id)}`)
    for (const [waiting] of [this.#process?.coordinator.transactions() ?? []]) {
      if (waiting !== undefined) this.#say(`transaction is ${waiting.state}`)
    }
    for (const resource of this.#resources.values()) this.#say(resource.show())
    const records = this.#installation.logs
      .durableRecords()
      .map((each) => this.#recordInWords(each))
    const known = records.filter((line) => line !== undefined)
    this.#say(`log holds: ${known.join('; ') || 'nothing'}`)
  }

  #say(line: string): void {
    this.#lines.push(line)
  }

  #live(): Process {
    if (this.#process === undefined) throw new Error('the coordinator is dead')
    return this.#process
  }

  #coordinator(): Coordinator {
    return this.#live().coordinator
  }

  #published(change: StateChange): void {
    if (change.type === 'transaction') this.#say(`transaction is ${change.state}`)
    if (change.type === 'orphan' && change.state === 'sighted') {
      this.#say(`coordinator sees an orphan at ${change.resource}`)
    }
  }

  /** Records of resources are left out: they say nothing of a transaction. */
  #recordInWords(record: StoredRecord): string | undefined {
    switch (record.type) {
      case 'decided':
        return `decided ${record.decision} (${this.#branchesInWords(record.branches)})`
      case 'intent':
        return `intent (${this.#branchesInWords(record.branches)})`
      case 'heuristic':
        return `heuristic, ${record.kind}`
      case 'resolved':
        return `resolved ${record.decision} by ${record.by}`
      case 'one-phase':
      case 'settled':
        return record.type
      default:
        return undefined
    }
  }

  #branchesInWords(branches: readonly { readonly resource: number }[]): string {
    return branches.map(({ resource }) => this.#names.get(resource) ?? '?').join(', ') || 'nobody'
  }
}

function reasonInWords(reason: unknown): string {
  if (isAssentError(reason)) return reason.code
  return reason instanceof Error ? reason.message : String(reason)
}
