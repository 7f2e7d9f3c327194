/**
 * Stands between the coordinator and its decision logs, changes nothing, and holds both to account:
 * A2 (no second decision, and a presumption answers what stands), A3 (told durable only what is), A8
 * (one holder, no epoch twice), A9 (an abort forces nothing) and A11 (after a failure nothing
 * becomes durable).
 */
import type { Decision } from '../../core/decision.ts'
import { formatTransactionId, type LogIdentity, type TransactionKey } from '../../core/ids.ts'
import type { CarriedDecisions, DecisionLog, DecisionLogs, LogRecord } from '../../log/contract.ts'
import type { Place } from '../scheduler.ts'
import type { Broken } from '../violations.ts'
import type { DurableRecords } from './durable-records.ts'
import type { Owners } from './owners.ts'

type Durable = (failure: Error | undefined) => void

export interface LogWatchOptions {
  readonly by: Place
  readonly owners: Owners
  readonly durable: DurableRecords
  readonly broken: Broken
  /** Something worth counting took place. */
  readonly count: (what: string) => void
  readonly note: (what: string) => void
  /** Prepared branches of this log that are at the resources. */
  readonly preparedOf: (log: LogIdentity) => readonly string[]
}

export function watchedLogs(logs: DecisionLogs, options: LogWatchOptions): DecisionLogs {
  const watched = (log: DecisionLog): DecisionLog => {
    options.owners.opened(log.identity, log.epoch, options.by)
    const { epoch, recovered, location } = log
    options.note(`holds ${location} (epoch ${epoch}, ${recovered.length} unfinished)`)
    return new WatchedLog(log, options)
  }
  return {
    open: async () => watched(await logs.open()),
    adopt: async () => {
      const log = await logs.adopt()
      if (log === undefined) return undefined
      options.count('log adopted')
      return watched(log)
    },
    identities: () => logs.identities(),
  }
}

class WatchedLog implements DecisionLog {
  readonly #log: DecisionLog
  readonly #options: LogWatchOptions
  readonly #intents = new Set<string>()
  readonly carried: CarriedDecisions | undefined
  #hasFailed = false

  constructor(log: DecisionLog, options: LogWatchOptions) {
    this.#log = log
    this.#options = options
    this.carried = log.carried && this.#watchedCarried(log.carried)
    for (const { transaction, intent } of log.recovered) {
      if (intent !== undefined) this.#intents.add(textOf(transaction))
    }
  }

  get installation(): DecisionLog['installation'] {
    return this.#log.installation
  }

  get identity(): DecisionLog['identity'] {
    return this.#log.identity
  }

  get epoch(): number {
    return this.#log.epoch
  }

  get location(): string {
    return this.#log.location
  }

  get closedCleanly(): boolean {
    return this.#log.closedCleanly
  }

  get recovered(): DecisionLog['recovered'] {
    return this.#log.recovered
  }

  get failure(): Error | undefined {
    return this.#log.failure
  }

  resources(): ReturnType<DecisionLog['resources']> {
    return this.#log.resources()
  }

  outcome(transaction: TransactionKey): ReturnType<DecisionLog['outcome']> {
    return this.#log.outcome(transaction)
  }

  presumeAborted(transaction: TransactionKey, found: (standing: Decision | Error) => void): void {
    let isAnswered = false
    this.#log.presumeAborted(transaction, (standing) => {
      if (isAnswered) this.#broken('A2', `${textOf(transaction)} is presumed, and answered twice`)
      isAnswered = true
      if (standing instanceof Error) this.#options.count('presumption unanswered')
      else this.#judgeStanding(transaction, standing)
      found(standing)
    })
  }

  unfinished(): DecisionLog['recovered'] {
    return this.#log.unfinished()
  }

  statistics(): ReturnType<DecisionLog['statistics']> {
    return this.#log.statistics()
  }

  append(record: LogRecord, durable?: Durable): void {
    const { broken, by } = this.#options
    if (by.isDead) return this.#log.append(record, durable)
    this.#options.note(`appends ${wordsOf(record)}${durable === undefined ? ', lazily' : ''}`)
    if (record.type === 'intent') this.#intents.add(textOf(record.transaction))
    if (record.type === 'decided' && record.decision === 'aborted' && durable !== undefined) {
      const isNeeded = this.#intents.has(textOf(record.transaction))
      if (!isNeeded) broken('A9', `${by.name} forces the presumed abort of ${wordsOf(record)}`)
    }
    this.#log.append(record, durable && this.#judged(record, durable))
  }

  close(options: { readonly clean: boolean }): Promise<void> {
    const { by, owners, preparedOf } = this.#options
    if (!by.isDead) {
      this.#options.note(`gives ${this.location} up${options.clean ? ', clean' : ''}`)
      this.#options.count(options.clean ? 'log closed clean' : 'log closed with work left')
      // A table says by itself what becomes of this: the lock may be lost by now.
      const isClean = options.clean && this.carried === undefined
      const left = isClean ? preparedOf(this.identity) : []
      if (left.length > 0)
        this.#broken('A10', `${this.location} is closed clean, and left ${left.join()}`)
      owners.closed(this.identity, by, isClean)
    }
    return this.#log.close(options)
  }

  #watchedCarried(carried: CarriedDecisions): CarriedDecisions {
    return {
      resource: carried.resource,
      rowOf: (record) => carried.rowOf(record),
      note: (record) => {
        const isDurable = this.#options.durable.has(this.identity, record)
        if (!isDurable) this.#broken('A3', `${wordsOf(record)} is noted, and its row is not there`)
        carried.note(record)
      },
    }
  }

  /** Of this epoch the process itself may know better than any record. */
  #judgeStanding(transaction: TransactionKey, standing: Decision): void {
    const { installation, identity: log } = this
    const id = formatTransactionId({ installation, log, ...transaction })
    const recorded = this.#options.durable.decisionOf(id)
    const isKnown = recorded === undefined && transaction.epoch === this.epoch
    if (recorded === standing || (isKnown && standing === 'aborted')) return
    // With a file, whoever holds it needs no record to know that nobody else can commit.
    if (this.carried === undefined && recorded === undefined && standing === 'aborted') return
    this.#broken('A2', `${id} is found ${standing}, and recorded ${recorded}`)
  }

  #broken(...violation: Parameters<Broken>): void {
    const { by, broken } = this.#options
    if (!by.isDead) broken(violation[0], `${by.name}: ${violation[1]}`)
  }

  /** `durable` as it was given, and what it claims. */
  #judged(record: LogRecord, durable: Durable): Durable {
    const { by, broken, durable: records } = this.#options
    const isLate = this.#hasFailed
    let isAnswered = false
    return (failure) => {
      const words = `${by.name}: ${wordsOf(record)}`
      if (isAnswered) broken('A3', `${words} is answered twice`)
      isAnswered = true
      if (failure !== undefined) {
        if (!this.#hasFailed) this.#options.count('log failed')
        this.#hasFailed = true
      } else {
        if (isLate) broken('A11', `${words} is taken after the log had failed`)
        if (!records.has(this.identity, record)) broken('A3', `${words} is told durable and is not`)
      }
      durable(failure)
    }
  }
}

function textOf({ epoch, counter }: TransactionKey): string {
  return `${epoch.toString(36)}.${counter.toString(36)}`
}

function wordsOf(record: LogRecord): string {
  const what = 'decision' in record ? `${record.type} ${record.decision}` : record.type
  return 'transaction' in record ? `${what} ${textOf(record.transaction)}` : what
}
