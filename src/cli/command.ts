/** What a command of `assent` is to the program that runs it. */
import type { Arguments } from './arguments.ts'
import type { CommandDescription } from './description.ts'

/** A stream as a command needs it. */
export interface Output {
  write(text: string): unknown
  /** Whether lines can be redrawn. */
  readonly isTTY?: boolean
  /** How wide a terminal is. */
  readonly columns?: number
}

/** Where a command writes. */
export interface Terminal {
  readonly out: Output
  readonly err: Output
}

/** Runs a command and answers the exit code. */
export type RunCommand = (given: Arguments, terminal: Terminal) => Promise<number>

export interface Command extends CommandDescription {
  /** Loads its code only when it is run: `--help` needs none of it. */
  readonly load: () => Promise<RunCommand>
}
