/**
 * Several commands written to the server at once, and their answers read in order.
 *
 * The server takes one command after the other from the connection, so nothing has to be answered
 * before the next is sent. It does not stop at one that fails: whoever sends several sees to it that
 * what follows a failure does no harm. Keeps A5 and A6: an answer belongs to a command by its place
 * alone, so when one can't be read, the connection is closed, and nothing is believed of the rest.
 */
import { joined } from '../sql/joined.ts'
import { type Outcome, OwnCommand } from './own-command.ts'
import type { DriverPacket, PipelineCommand, Wire } from './wire.ts'

/** Added to the driver's queue as one command. */
export class Pipeline implements PipelineCommand {
  /** What each of our own statements was answered, once all are; rejects when that is not known. */
  readonly answered: Promise<readonly Outcome[]>
  readonly #commands: readonly PipelineCommand[]
  readonly #broken: (cause: unknown) => void
  /** How many have been written, and how many of them are done; and those done before their turn. */
  #written = 0
  #done = 0
  readonly #doneEarly = new Set<number>()
  #isOver = false
  #resolve: (outcomes: readonly Outcome[]) => void = () => undefined
  #reject: (cause: unknown) => void = () => undefined

  /** `broken` has to close the connection: before it returns, nothing more may be written. */
  constructor(commands: readonly PipelineCommand[], broken: (cause: unknown) => void) {
    this.#commands = commands
    this.#broken = broken
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Who waits for the commands themselves need not wait for this as well.
    this.answered.catch(() => undefined)
  }

  execute(packet: DriverPacket | undefined, wire: Wire): boolean {
    // The rest of what had come when the connection was closed.
    if (this.#isOver) return false
    try {
      if (packet !== undefined) this.#read(packet, wire)
      this.#write(wire)
    } catch (cause) {
      this.#break(cause)
      return false
    }
    if (this.#done < this.#commands.length) return false
    this.#isOver = true
    this.#resolve(this.#outcomes())
    return true
  }

  /** The connection was lost. */
  onResult(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reject(error)
    for (const command of this.#commands.slice(this.#done)) command.onResult?.(error)
  }

  /** For the driver's own log. */
  stateName(): string {
    return `${this.#done} of ${this.#commands.length} answered`
  }

  #read(packet: DriverPacket, wire: Wire): void {
    const command = this.#commands[this.#done]
    if (command === undefined || !command.execute(packet, wire)) return
    this.#over(this.#done)
    // The next answer is counted anew, as behind each command.
    wire.sequenceId = 1
    if (command instanceof OwnCommand && command.isVital && command.outcome?.header === undefined) {
      throw command.outcome?.error
    }
  }

  /** Writes what can be written, in one piece: a write to the socket is what costs most here. */
  #write(wire: Wire): void {
    if (this.#written === this.#commands.length || this.#isHeldUp) return
    const { write } = wire
    const pieces: Uint8Array[] = []
    wire.write = (bytes) => pieces.push(bytes)
    try {
      while (this.#written < this.#commands.length && !this.#isHeldUp) {
        const index = this.#written
        this.#written += 1
        // The driver may know the answer without asking: what a statement was prepared as.
        if (this.#commands[index]?.execute(undefined, wire) === true) this.#over(index)
      }
    } finally {
      // Not deleted, which would make each later use of the connection slower.
      wire.write = write
    }
    if (pieces.length > 0) wire.write(joined(pieces))
    wire.sequenceId = 1
  }

  get #isHeldUp(): boolean {
    const last = this.#written - 1
    return this.#commands[last]?.isAwaited === true && !this.#isDone(last)
  }

  #isDone(index: number): boolean {
    return index < this.#done || this.#doneEarly.has(index)
  }

  #over(index: number): void {
    this.#doneEarly.add(index)
    while (this.#doneEarly.delete(this.#done)) this.#done += 1
  }

  #break(cause: unknown): void {
    this.#isOver = true
    this.#broken(cause)
    this.#reject(cause)
  }

  #outcomes(): Outcome[] {
    const found: Outcome[] = []
    for (const command of this.#commands) {
      if (command instanceof OwnCommand && command.outcome !== undefined)
        found.push(command.outcome)
    }
    return found
  }
}
