/**
 * What the decision logs hold that no crash can take: read from the medium of the simulated disk,
 * with the reader of the file log, or told by the database that keeps the decisions. A record that
 * was durable once counts for ever: whoever loses it later has to answer for it.
 */

import { ByteReader } from '../../core/codec.ts'
import type { Decision } from '../../core/decision.ts'
import type { LogIdentity, TransactionId, TransactionKey } from '../../core/ids.ts'
import type { LogRecord } from '../../log/contract.ts'
import { readBatchHeader, readBatchPayload } from '../../log/file/batch.ts'
import { decodeFileHeader } from '../../log/file/file-header.ts'
import { sectorBytes } from '../../log/file/format.ts'
import { parseFileName } from '../../log/file/layout.ts'
import { decodeRecord } from '../../log/record-codec.ts'
import { type OutcomesRecord, recordLimits, type StoredRecord } from '../../log/records.ts'
import type { SimulatedDisk } from '../disk.ts'
import type { SimulatedFile } from '../disk-file.ts'
import type { Broken } from '../violations.ts'

interface Progress {
  readonly identity: LogIdentity
  readonly seed: number
  /** Up to where the file was read. */
  offset: number
}

export class DurableRecords {
  readonly #disk: SimulatedDisk
  readonly #broken: Broken
  #isStale = true
  readonly #progress = new WeakMap<SimulatedFile, Progress>()
  readonly #records = new Set<string>()
  readonly #heuristics = new Set<string>()
  readonly #decisions = new Map<string, Decision>()
  /** By log and epoch: the lowest counter from which on absence says nothing. */
  readonly #onePhase = new Map<string, number>()

  constructor(disk: SimulatedDisk, broken: Broken) {
    this.#disk = disk
    this.#broken = broken
  }

  has(identity: LogIdentity, record: LogRecord): boolean {
    const key = keyOf(identity, record)
    if (!this.#records.has(key)) this.#refresh()
    return this.#records.has(key)
  }

  /** Whether an operator's act on the whole transaction is recorded. */
  isResolved(id: TransactionId, decision: Decision): boolean {
    this.#refresh()
    return this.#records.has(`resolved ${keyInLog(id)} undefined ${decision}`)
  }

  isForgotten(id: TransactionId): boolean {
    this.#refresh()
    return this.#records.has(`forgotten ${keyInLog(id)}`)
  }

  hasHeuristic(id: TransactionId): boolean {
    this.#refresh()
    return this.#heuristics.has(keyInLog(id))
  }

  hasIntent(id: TransactionId): boolean {
    const key = `intent ${keyInLog(id)}`
    if (!this.#records.has(key)) this.#refresh()
    return this.#records.has(key)
  }

  decisionOf(id: TransactionId): Decision | undefined {
    const key = keyInLog(id)
    if (!this.#decisions.has(key)) this.#refresh()
    return this.#decisions.get(key)
  }

  /** Whether callers are told that nobody knows, where nothing is recorded of this transaction. */
  isMarkedOnePhase(identity: LogIdentity, { epoch, counter }: TransactionKey): boolean {
    const key = `${identity}.${epoch}`
    if (!this.#onePhase.has(key)) this.#refresh()
    return counter >= (this.#onePhase.get(key) ?? Number.POSITIVE_INFINITY)
  }

  /** Whether the log can tell, after any crash, which resource has this number. */
  hasResource(identity: LogIdentity, number: number): boolean {
    const key = `resource ${identity} ${number}`
    if (!this.#records.has(key)) this.#refresh()
    return this.#records.has(key)
  }

  /** Records that are durable now, in a table. */
  take(identity: LogIdentity, records: Iterable<StoredRecord>): void {
    for (const record of records) {
      this.#note(identity, record)
      if (record.type === 'outcomes') this.#noteOutcomes(identity, record)
    }
  }

  /** A presumption is durable: it decides, unless the transaction is over and its row was removed. */
  presumed(identity: LogIdentity, key: TransactionKey): void {
    const text = textOf(identity, key)
    if (!this.#decisions.has(text)) this.#decisions.set(text, 'aborted')
  }

  /** The medium is about to change. */
  changed(): void {
    this.#isStale = true
  }

  #refresh(): void {
    if (!this.#isStale) return
    this.#isStale = false
    for (const [path, file] of this.#disk.durableFiles()) {
      const name = path.slice(path.lastIndexOf('/') + 1)
      if (parseFileName(name) === undefined) continue
      let progress = this.#progress.get(file)
      if (progress === undefined) {
        progress = this.#begin(path, file)
        if (progress === undefined) continue
        this.#progress.set(file, progress)
      }
      this.#read(file.durableBytes, progress)
    }
  }

  #begin(path: string, file: SimulatedFile): Progress | undefined {
    try {
      const { identity, checksum } = decodeFileHeader(path, file.durableBytes)
      return { identity: identity as LogIdentity, seed: checksum, offset: sectorBytes }
    } catch {
      this.#broken('A11', `${path} has its name, and its header is not durable`)
      return undefined
    }
  }

  #read(bytes: Uint8Array, progress: Progress): void {
    for (;;) {
      const header = readBatchHeader(bytes, progress.offset, progress.seed)
      if (header === undefined) return
      const payload = readBatchPayload(bytes, progress.offset, header)
      if (payload === undefined) return
      const reader = new ByteReader(payload)
      for (let index = 0; index < header.records; index += 1) {
        this.#note(progress.identity, decodeRecord(reader))
      }
      progress.offset += header.sizeBytes
    }
  }

  #note(identity: LogIdentity, record: StoredRecord): void {
    if (record.type === 'audit') this.#records.add(keyOf(identity, record.act))
    this.#records.add(keyOf(identity, record))
    if (record.type === 'one-phase') {
      const { epoch, counter } = record.transaction
      const key = `${identity}.${epoch}`
      this.#onePhase.set(key, Math.min(counter, this.#onePhase.get(key) ?? counter))
    }
    if (record.type === 'heuristic') this.#heuristics.add(textOf(identity, record.transaction))
    if (record.type === 'decided') this.#decided(identity, record.transaction, record.decision)
  }

  /** What is kept of a transaction that is over may be the only record of its decision. */
  #noteOutcomes(identity: LogIdentity, { outcome, epoch, page, offsets }: OutcomesRecord): void {
    if (outcome !== 'committed' && outcome !== 'aborted') return
    for (const offset of offsets ?? []) {
      const counter = page * recordLimits.outcomesPerPage + offset
      this.#decided(identity, { epoch, counter }, outcome)
    }
  }

  #decided(identity: LogIdentity, transaction: TransactionKey, decision: Decision): void {
    const key = textOf(identity, transaction)
    const standing = this.#decisions.get(key)
    if (standing !== undefined && standing !== decision) {
      this.#broken('A2', `${key} is ${standing} for ever, and ${decision} as well`)
    }
    this.#decisions.set(key, decision)
  }
}

function keyOf(identity: LogIdentity, record: StoredRecord): string {
  if (record.type === 'resource') return `resource ${identity} ${record.number}`
  if (!('transaction' in record)) return `${record.type} ${identity}`
  const key = `${record.type} ${textOf(identity, record.transaction)}`
  if (record.type === 'decided') return `${key} ${record.decision}`
  if (record.type === 'heuristic') return `${key} ${record.branch} ${record.kind}`
  if (record.type === 'resolved') return `${key} ${record.branch} ${record.decision}`
  return key
}

function textOf(identity: LogIdentity, { epoch, counter }: TransactionKey): string {
  return `${identity}.${epoch.toString(36)}.${counter.toString(36)}`
}

/** A transaction id without the name of its installation. */
function keyInLog(id: TransactionId): string {
  return id.slice(id.indexOf('.') + 1)
}
