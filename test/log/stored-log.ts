/** A log with a checkpoint and several segments, as a killed process left it, to be damaged. */
import assert from 'node:assert/strict'

import type { DecisionLog } from '../../src/log/contract.ts'
import { readBatchHeader } from '../../src/log/file/batch.ts'
import { headerChecksum } from '../../src/log/file/file-header.ts'
import { sectorBytes } from '../../src/log/file/format.ts'
import type { SimulatedFile } from '../../src/simulation/disk-file.ts'
import { contentsOf, directory, Machine } from './machine.ts'
import { decided, force } from './records.ts'

export { sectorBytes }

export const slotPath = `${directory}/slot-0`

export interface StoredLog {
  readonly machine: Machine
  /** Counters of the decisions in the log, all unfinished, in epoch 2. */
  readonly counters: readonly number[]
  /** Paths of the checkpoint and of the segments, in order. */
  readonly paths: readonly string[]
}

/** Many unfinished decisions make the checkpoint heavy, so segments stay for a while. */
export async function storeLog(seed = 1): Promise<StoredLog> {
  const machine = new Machine(seed)
  const first = await machine.run(machine.logs().open())
  for (let counter = 1; counter <= 60; counter += 1) {
    first.append(big(1, counter))
  }
  await machine.run(first.close({ clean: false }))
  const log = await machine.run(machine.logs().open())
  const counters: number[] = []
  for (let counter = 1; counter <= 45; counter += 1) {
    await machine.run(force(log, big(2, counter)))
    counters.push(counter)
  }
  machine.processDied('one')
  await machine.settle()
  const paths = [...machine.disk.files().keys()]
    .filter((path) => /\d{12}\./.test(path))
    .sort((one, other) => numberOf(one) - numberOf(other))
  assert.ok(paths.length >= 4, `a checkpoint and three segments, not ${paths}`)
  return { machine, counters, paths }
}

/** A decision of some 1,300 bytes, whose batch takes three sectors. */
function big(epoch: number, counter: number): ReturnType<typeof decided> {
  const branches = Array.from({ length: 6 }, (_, branch) => ({
    branch,
    resource: 1,
    evidence: String(counter * 10 + branch).padStart(200, '7'),
  }))
  return decided(epoch, counter, 'committed', { branches })
}

function numberOf(path: string): number {
  return Number(/(\d{12})\./.exec(path)?.[1])
}

export function fileAt({ machine }: StoredLog, path: string): SimulatedFile {
  const file = machine.disk.files().get(path)
  assert.ok(file !== undefined, path)
  return file
}

/** What the process `other` finds when it opens the log, or the error. */
export async function openAs(
  { machine }: StoredLog,
  process: string,
): Promise<{ log: DecisionLog } | { error: unknown }> {
  try {
    return { log: await machine.run(machine.logs(process).open()) }
  } catch (error) {
    return { error }
  }
}

/** Asserts that the log is refused with a file of its own and an offset, and nothing is changed. */
export async function assertRefused(
  stored: StoredLog,
  what: string,
  code = 'ASSENT_LOG_CORRUPT',
): Promise<{ file: string; offset: number }> {
  const before = contentsOf(stored.machine.disk)
  const opened = await openAs(stored, 'other')
  stored.machine.processDied('other')
  assert.ok('error' in opened, `${what}: the log was opened`)
  const error = opened.error as { code: string; fields: { file: string; offset: number } }
  assert.equal(error.code, code, `${what}: ${opened.error}`)
  assert.deepEqual(contentsOf(stored.machine.disk), before, `${what}: the disk was changed`)
  assert.ok(error.fields.file.startsWith(directory), what)
  return error.fields
}

/** The counters of epoch 2 that a log found unfinished. */
export function foundIn(log: DecisionLog): number[] {
  return log.recovered
    .filter(({ transaction }) => transaction.epoch === 2)
    .map(({ transaction }) => transaction.counter)
}

export interface BatchPlace {
  readonly offset: number
  readonly sizeBytes: number
  readonly endMarkOffset: number
}

/** Where the batches of a file are. */
export function batchesOf(stored: StoredLog, path: string): BatchPlace[] {
  const file = fileAt(stored, path)
  const bytes = file.read(0, file.sizeBytes)
  const seed = headerChecksum(bytes.subarray(0, sectorBytes))
  const places: BatchPlace[] = []
  let offset = sectorBytes
  for (;;) {
    const header = readBatchHeader(bytes, offset, seed)
    if (header === undefined) return places
    const endMarkOffset = offset + 36 + header.payloadBytes
    places.push({ offset, sizeBytes: header.sizeBytes, endMarkOffset })
    offset += header.sizeBytes
  }
}

export function patch(
  stored: StoredLog,
  path: string,
  offset: number,
  bytes: Uint8Array,
): () => void {
  const file = fileAt(stored, path)
  const old = file.read(offset, bytes.length)
  file.write(offset, bytes)
  return () => file.write(offset, old)
}

export function flip(stored: StoredLog, path: string, offset: number, mask: number): () => void {
  const [old = 0] = fileAt(stored, path).read(offset, 1)
  return patch(stored, path, offset, Uint8Array.of(old ^ mask))
}
