/**
 * Sends the user's statements, in every form that the driver takes them, and keeps account of them.
 *
 * Keeps A4 (after the seal nothing is sent) and A1: after every OK of the server its transaction must
 * be open. In an XA transaction the server itself refuses whatever would end it; in a plain one (the
 * last resource) this is the first to notice, and the savepoint of `ending.ts` the last.
 */
import type { BatchStatement } from '../contract.ts'
import type { Gate } from '../sql/gate.ts'
import { type Plan, type Rules, refused, severalRefused } from '../sql/plans.ts'
import { type Sent, shown } from '../sql/work.ts'
import {
  headerOf,
  isToldOfChanges,
  type MysqlCallback,
  type MysqlCommand,
  type MysqlHeader,
  type MysqlPreparedStatement,
  statusFlags,
  takesSeveral,
} from './driver.ts'
import { endsTransaction } from './failures.ts'
import { type Form, readForm } from './form.ts'
import { type Opening, takenFrom } from './opening.ts'
import { planFor } from './plans.ts'
import { refusedCommand } from './refused-command.ts'
import type { Session } from './session.ts'
import { isSeveral } from './statements.ts'
import type { PipelineCommand } from './wire.ts'
import type { MysqlWork } from './work.ts'

type Sender = 'query' | 'execute'

export interface DispatcherParts {
  readonly session: Session
  readonly work: MysqlWork
  readonly gate: Gate
  readonly opening: Opening
  readonly rules: Rules
}

/** A statement that was made ready to be sent with others. */
export interface ReadyStatement {
  readonly commands: readonly PipelineCommand[]
  /** Its result, taken into account; rejects with its error. */
  readonly answered: Promise<unknown>
}

export class Dispatcher {
  readonly #session: Session
  readonly #work: MysqlWork
  readonly #gate: Gate
  readonly #opening: Opening
  readonly #rules: Rules
  /** Whether the latest call was refused before anything was sent. */
  isLastRefused = false

  constructor({ session, work, gate, opening, rules }: DispatcherParts) {
    this.#session = session
    this.#work = work
    this.#gate = gate
    this.#opening = opening
    this.#rules = rules
  }

  /**
   * `connection.query` and `connection.execute`, in all their forms. With a callback, that is told of
   * a refusal, and what is returned is an emitter in any case; without one, a refusal is thrown.
   */
  send(sender: Sender, query: unknown, values?: unknown, callback?: unknown): MysqlCommand {
    const form = readForm(query, values, callback)
    let plan: Plan
    try {
      this.isLastRefused = true
      this.#gate.refuseUnlessAlive(form.text)
      plan = this.#planFor(form)
      this.isLastRefused = false
    } catch (error) {
      if (form.callback === undefined) throw error
      return refusedCommand(error, form.callback)
    }
    return this.#send(sender, form, plan)
  }

  /** `connection.prepare`; what is prepared goes through here when it is executed. */
  prepare(query: unknown, callback: (error: unknown, statement?: unknown) => void): MysqlCommand {
    const form = readForm(query, undefined, undefined)
    try {
      this.isLastRefused = true
      this.#gate.refuseUnlessAlive(form.text)
      const plan = this.#planFor(form)
      if (plan.text !== undefined || plan.move !== undefined) {
        plan.undo?.()
        throw refused(form.text, 'send it as a text, not as a prepared statement')
      }
      this.isLastRefused = false
    } catch (error) {
      return refusedCommand(error, callback)
    }
    const sent = this.#work.sent(form.text)
    const { settle, settled } = this.#once(sent, {}, callback)
    const answered = (error: unknown, statement?: MysqlPreparedStatement): void => {
      if (settled()) return
      if (error || statement === undefined) return settle(error)
      this.#work.withdrawn(sent)
      settle(null, this.#guarded(statement, form.text))
    }
    return this.#opening.run((connection) => connection.prepare(query, answered), false)
  }

  /** A statement of a batch, which is sent when the branch is sealed; throws what is refused. */
  ready({ text, values }: BatchStatement): ReadyStatement {
    let tell: MysqlCallback = () => undefined
    const answered = new Promise<unknown>((resolve, reject) => {
      tell = (error, result) => (error ? reject(error) : resolve(result))
    })
    const form = readForm(text, values, tell)
    const plan = this.#planFor(form)
    const sent = this.#work.sent(text)
    const told = this.#told(sent, plan, form)
    answered.catch(ignore)
    try {
      const { commands } = takenFrom(this.#session.connection, (connection) =>
        connection.query(text, values, told),
      )
      return { commands, answered }
    } catch (error) {
      told?.(error)
      throw error
    }
  }

  #planFor({ text, values }: Form): Plan {
    const plan = planFor(text, this.#rules, this.#work, () => this.#gate.nextName())
    const { connection } = this.#session
    if (this.#work.opaque !== undefined && !isToldOfChanges(connection)) {
      this.#work.sessionChange ??= this.#work.opaque
    }
    if (plan.text === undefined && takesSeveral(connection)) {
      // Raw values become part of the text, so it is read as it will be sent.
      if (isSeveral(values === undefined ? text : connection.format(text, values))) {
        throw severalRefused(text)
      }
    }
    return plan
  }

  #send(sender: Sender, form: Form, plan: Plan): MysqlCommand {
    const sent = this.#work.sent(plan.text ?? form.text, form.callback === undefined)
    try {
      const told = this.#told(sent, plan, form)
      const command = this.#opening.run(
        (connection) => {
          if (plan.text === undefined) {
            const { query, values } = form.outgoing
            return connection[sender](query, values, told)
          }
          const ours = { sql: plan.text, values: [], namedPlaceholders: false }
          return connection.query(ours, undefined, told)
        },
        // What answers by events can be paused on its own connection only.
        told !== undefined && (plan.text !== undefined || this.#opening.canRide(form.text)),
      )
      return this.#follow(command, { form, sent, plan })
    } catch (error) {
      this.#work.withdrawn(sent)
      plan.undo?.()
      throw error
    }
  }

  /** The callback that the driver is given where the user gave one. */
  #told(sent: Sent, plan: Plan, { callback }: Form): MysqlCallback | undefined {
    if (callback === undefined) return undefined
    const { settle, settled } = this.#once(sent, plan, callback)
    return (error, result, fields) => {
      if (settled()) return
      if (!error) this.#answered(sent, plan, headerOf(result))
      settle(error, result, fields)
    }
  }

  /**
   * Tells the user once: by the driver's answer, or by the connection's end. He is told in the
   * asynchronous context in which he asked, as a promise continues in it: the driver's own is that of
   * whoever opened the connection.
   */
  #once(
    sent: Sent,
    plan: Plan,
    callback: MysqlCallback,
  ): { readonly settle: MysqlCallback; settled(): boolean } {
    let isSettled = false
    let answer: (told: Parameters<MysqlCallback>) => void = () => undefined
    void new Promise<Parameters<MysqlCallback>>((resolve) => {
      answer = resolve
    }).then((told) => callback(...told))
    const settle: MysqlCallback = (...told) => {
      if (isSettled) return
      isSettled = true
      forget()
      if (told[0]) this.#failed(sent, plan, told[0])
      answer(told)
    }
    const forget = this.#session.onLost(settle)
    return { settle, settled: () => isSettled }
  }

  /** Hears the end of a command that tells by events: rows that are read one by one, a stream. */
  #follow(
    command: MysqlCommand,
    { form, sent, plan }: { readonly form: Form; readonly sent: Sent; readonly plan: Plan },
  ): MysqlCommand {
    if (form.callback !== undefined) return command
    let header: MysqlHeader | undefined
    let isOver = false
    const over = (error: unknown): void => {
      if (isOver) return
      isOver = true
      forget()
      if (error === undefined) this.#answered(sent, plan, header)
      else this.#failed(sent, plan, error)
    }
    const forget = this.#session.onLost((cause) => {
      // Work that was awaited hears of it. What was left open is told by the vote, and a stream that
      // nobody listens to would end the process.
      if (!this.#gate.isSealed) command.emit?.('error', cause)
      over(cause)
    })
    command.on('result', (row: unknown) => {
      header = headerOf(row) ?? header
    })
    command.on('error', over)
    command.on('end', () => over(undefined))
    return command
  }

  #answered(sent: Sent, plan: Plan, header: MysqlHeader | undefined): void {
    this.#work.succeeded(sent, (header?.affectedRows ?? 0) > 0, plan.move)
    if (header === undefined) return
    if (header.affectedRows > 0) this.#work.hasWritten = true
    if (isSessionChanged(header)) this.#work.sessionChange ??= shown(sent.text)
    if ((header.serverStatus & statusFlags.inTransaction) !== 0 || !this.#session.held) return
    // What was queued behind a deadlock ran in no transaction, and committed what it wrote.
    const isFirst = this.#work.doomed === undefined
    if (isFirst || header.affectedRows > 0) this.#work.endedBy ??= shown(sent.text)
    const message = `the transaction was ended by: ${shown(sent.text)}; what it had done may be`
    this.#work.doom(new Error(`${message} committed`))
  }

  #failed(sent: Sent, plan: Plan, error: unknown): void {
    this.#work.failed(sent, error)
    // The answer to what failed does not tell what it had changed until then.
    if (this.#work.opaque !== undefined) this.#work.sessionChange ??= shown(sent.text)
    // A deadlock's victim has lost all of the transaction, savepoints included (MY-5).
    if (endsTransaction(error)) this.#work.doom(error)
    plan.undo?.()
  }

  /** The statement that the user executes, through the same gate and into the same account. */
  #guarded(statement: MysqlPreparedStatement, text: string): object {
    const execute = (values: unknown, callback?: unknown): MysqlCommand => {
      const tell = [callback, values].find((each) => typeof each === 'function')
      const form: Form = {
        text,
        values: undefined,
        callback: tell as MysqlCallback | undefined,
        outgoing: { query: text, values: undefined },
      }
      try {
        this.#gate.refuseUnlessAlive(text)
      } catch (error) {
        if (form.callback === undefined) throw error
        return refusedCommand(error, form.callback)
      }
      const sent = this.#work.sent(text, form.callback === undefined)
      const told = this.#told(sent, {}, form)
      const parameters = typeof values === 'function' ? [] : values
      return this.#follow(statement.execute(parameters, told), { form, sent, plan: {} })
    }
    return new Proxy(statement, {
      get(target, key): unknown {
        const value: unknown = Reflect.get(target, key, target)
        if (key === 'execute') return execute
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value
      },
    })
  }
}

function ignore(): void {
  // Whoever waits for several answers at once hears of each.
}

/** Whether the server told that the statement changed its session. */
function isSessionChanged({ stateChanges }: MysqlHeader): boolean {
  const { systemVariables = {}, schema = null, trackStateChange = null } = stateChanges ?? {}
  return schema !== null || trackStateChange !== null || Object.keys(systemVariables).length > 0
}
