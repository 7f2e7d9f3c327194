/**
 * When a branch is begun at the server: its XA START is written with the first statement of the work
 * wherever that can be done, else before all else.
 *
 * Keeps A1. The server does not stop at a command that fails, so the statement behind an XA START that
 * failed is run. It can't commit: autocommit was turned off in front of it, it is of a kind that commits
 * nothing by itself, and the connection is closed at once, which rolls it back. All that is sent later
 * waits until the server has shown that it began, and is not sent where it did not.
 */
import { invariant } from '../../core/invariant.ts'
import type { Clock, Timers } from '../../core/ports.ts'
import { within } from '../sql/deadline.ts'
import type { BeginningOptions, Beginnings, Begun, ServerSession } from './beginning.ts'
import { type MysqlCommand, type MysqlConnection, takesSeveral } from './driver.ts'
import { type Outcome, OwnCommand } from './own-command.ts'
import type { Session } from './session.ts'
import type { PipelineCommand, Wire } from './wire.ts'

type State =
  /** Nothing was sent. */
  | { readonly at: 'idle' }
  | { readonly at: 'beginning'; readonly waiting: PipelineCommand[] }
  | { readonly at: 'begun'; readonly begun: Begun }
  | { readonly at: 'failed'; readonly cause: unknown }

export interface OpeningParts {
  readonly session: Session
  readonly beginnings: Beginnings
  readonly timers: Timers
  readonly clock: Clock
  readonly options: Omit<BeginningOptions, 'timeLeftMs'>
  /** When the transaction's time is over, by the monotonic clock. */
  readonly deadlineMs: number
}

/** Statements that commit nothing, whatever they call: no server lets a function or trigger do so. */
const harmless = /^\s*(?:select|insert|update|delete|replace|with)\b/i

export class Opening {
  readonly #parts: OpeningParts
  #state: State = { at: 'idle' }
  #beginning: Promise<unknown> | undefined

  constructor(parts: OpeningParts) {
    this.#parts = parts
  }

  /** Whether the server knows nothing of the branch: there is nothing to end. */
  get isIdle(): boolean {
    return this.#state.at === 'idle'
  }

  get begun(): Begun | undefined {
    return this.#state.at === 'begun' ? this.#state.begun : undefined
  }

  get serverSession(): ServerSession {
    return this.#parts.beginnings.serverSessionOf(this.#parts.session)
  }

  /** Whether the user's text, as it is sent, may stand behind an XA START that was not answered. */
  canRide(text: string): boolean {
    const { connection, sending } = this.#parts.session
    // What follows the first statement of a text may commit.
    return sending === 'at-once' && harmless.test(text) && !takesSeveral(connection)
  }

  /** Learns the session; begins as well, where XA START can't wait for the work. */
  async open(): Promise<void> {
    const { beginnings, session } = this.#parts
    await beginnings.learn(session, this.#options())
    if (session.sending === 'at-once') return
    this.#state = { at: 'begun', begun: await beginnings.begin(session, this.#options()) }
  }

  /** Begins, unless that is done; rejects when it failed. */
  async begin(): Promise<void> {
    if (this.#state.at === 'idle') {
      const { timers, deadlineMs, clock } = this.#parts
      const leftMs = Math.max(1, deadlineMs - clock.monotonicMs())
      this.#beginning = within(timers, leftMs, 'XA START', this.#start([]))
    }
    await this.#beginning
  }

  /**
   * Has the driver send a command of the user's, once the branch is begun; `rides`: or in the same
   * message. Throws what the driver throws, with nothing sent.
   */
  run(call: (connection: MysqlConnection) => MysqlCommand, rides: boolean): MysqlCommand {
    const { connection } = this.#parts.session
    if (this.#state.at === 'begun') return call(connection)
    const { command, commands } = takenFrom(connection, call)
    const isFirst = this.#state.at === 'idle'
    if (isFirst) void this.#start(rides ? inTurn(commands) : [])
    if (this.#state.at === 'beginning' && !(isFirst && rides)) this.#state.waiting.push(...commands)
    return command
  }

  /** Sends all of a branch at once: XA START, the work and texts of ours; answers the latter. */
  async sendAll(
    work: readonly PipelineCommand[],
    texts: readonly string[],
  ): Promise<readonly Outcome[]> {
    const ours = texts.map((text) => new OwnCommand({ text }))
    await this.#start([...work, ...ours])
    return ours.map(({ outcome }) => outcome ?? { error: new Error('it was not answered') })
  }

  #start(behind: readonly PipelineCommand[]): Promise<unknown> {
    invariant(this.#state.at === 'idle', 'A1', 'a branch is begun once')
    const { beginnings, session } = this.#parts
    const waiting: PipelineCommand[] = []
    const begun = (begun: Begun): void => {
      this.#state = { at: 'begun', begun }
      for (const command of waiting) (session.connection as Wire).addCommand(command)
    }
    const commands = beginnings.commands(session, this.#options(), begun)
    this.#state = { at: 'beginning', waiting }
    const sent = session.pipe([...commands, ...behind])
    this.#beginning = sent
    sent.catch((cause: unknown) => {
      if (this.#state.at !== 'beginning') return
      this.#state = { at: 'failed', cause }
      session.destroy(cause)
    })
    return sent
  }

  #options(): BeginningOptions {
    const { options, deadlineMs, clock } = this.#parts
    return { ...options, timeLeftMs: Math.max(1, deadlineMs - clock.monotonicMs()) }
  }
}

/** What the driver makes of a call, without sending it. */
export function takenFrom(
  connection: MysqlConnection,
  call: (connection: MysqlConnection) => MysqlCommand,
): { readonly command: MysqlCommand; readonly commands: readonly PipelineCommand[] } {
  const taken: PipelineCommand[] = []
  const addCommand: Wire['addCommand'] = (command) => {
    taken.push(command)
    return command
  }
  const command = call(Object.create(connection, { addCommand: { value: addCommand } }) as Wire)
  return { command, commands: taken }
}

/** The driver prepares a statement before it executes it, and knows its number only then. */
function inTurn(commands: readonly PipelineCommand[]): PipelineCommand[] {
  return commands.map((each, index) => (index < commands.length - 1 ? awaited(each) : each))
}

function awaited(command: PipelineCommand): PipelineCommand {
  return {
    execute: (packet, wire) => command.execute(packet, wire),
    onResult: (error) => command.onResult?.(error),
    isAwaited: true,
  }
}
