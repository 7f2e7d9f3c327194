/**
 * What a worker remembers beyond its death: a line of JSON for each thing, in a file. A killed
 * process loses nothing that it has written; only the death of the machine would.
 */
import { existsSync, openSync, readFileSync, writeSync } from 'node:fs'

import type { Told, TransferKind } from './settings.ts'

export type Entry =
  /** A transaction has its id. Written before its first statement. */
  | { readonly type: 'began'; readonly id: string; readonly kind: TransferKind }
  /** Its caller was told; without an id where it was refused before it had one. */
  | { readonly type: 'told'; readonly id?: string; readonly told: Told }
  /** The crash point, or the place where the worker stopped itself. */
  | { readonly type: 'reached'; readonly detail: string; readonly id: string | undefined }
  /** The log was opened, adopted, given up, or has failed. */
  | { readonly type: 'log'; readonly state: string; readonly log: string }
  /** A process that keeps one of its sessions alive. */
  | { readonly type: 'keeper'; readonly pid: number }
  /** The transaction that was to be killed has ended otherwise. */
  | { readonly type: 'passed'; readonly id: string; readonly told: Told }

export class Diary {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  note(entry: Entry): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`)
  }
}

/** Everything noted so far; a line that is being written is left out. */
export function readDiary(path: string): Entry[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.slice(0, -1).map((line): Entry => JSON.parse(line))
}
