/**
 * Sends the user's statements, in every form that the driver takes them, and keeps account of them.
 *
 * Keeps A4 (after the seal nothing is sent) and A1: texts go by the extended protocol, whose server
 * refuses several statements in one text, so no `insert; commit; insert` commits in the middle; and
 * after every reply the transaction's status must not be idle.
 */
import type { Gate } from '../sql/gate.ts'
import { type Plan, type Rules, refused, severalRefused } from '../sql/plans.ts'
import { type Sent, shown } from '../sql/work.ts'
import {
  type PgCallback,
  type PgQuery,
  type PgReply,
  type PgResult,
  type PgSubmittable,
  resultsOf,
} from './driver.ts'
import { keptOrPlain, noteFailure } from './kept-statements.ts'
import type { Opening } from './opening.ts'
import { planFor } from './plans.ts'
import type { Session } from './session.ts'
import { readText } from './statements.ts'
import { mayHaveWritten, type PostgresWork } from './work.ts'

export interface DispatcherParts {
  readonly session: Session
  readonly work: PostgresWork
  readonly gate: Gate
  readonly opening: Opening
  readonly rules: Rules
}

export class Dispatcher {
  readonly #session: Session
  readonly #work: PostgresWork
  readonly #gate: Gate
  readonly #opening: Opening
  readonly #rules: Rules

  constructor({ session, work, gate, opening, rules }: DispatcherParts) {
    this.#session = session
    this.#work = work
    this.#gate = gate
    this.#opening = opening
    this.#rules = rules
  }

  /** `client.query`, in all its forms. */
  query(query: unknown, values?: unknown, callback?: unknown): unknown {
    if (isSubmittable(query)) return this.#submit(query, values, callback)
    const form = readForm(query, values, callback)
    let plan: Plan
    try {
      this.#gate.refuseUnlessAlive(form.text ?? form.name)
      plan = this.#planFor(this.#textOf(form))
    } catch (error) {
      return this.#refuse(form, error)
    }
    return this.#send(form, plan)
  }

  #planFor(text: string): Plan {
    const plan = planFor(text, this.#rules, this.#work, () => this.#gate.nextName())
    // Drivers that hide the status may be too old to know the extended protocol by name (pg 8.12).
    const isBlind = this.#session.client.getTransactionStatus === undefined
    if (isBlind && plan.text === undefined && readText(text).isSeveral) throw severalRefused(text)
    return plan
  }

  #refuse({ callback: tell }: Form, error: unknown): Promise<never> | undefined {
    const answer = Promise.reject<never>(error)
    const isHeard = tell !== undefined || this.#gate.isToldElsewhere
    if (isHeard) answer.catch(quiet)
    // As the driver does it: never before `query` has returned.
    if (tell !== undefined) answer.catch(tell)
    return tell === undefined ? answer : undefined
  }

  #send(form: Form, plan: Plan): unknown {
    const text = plan.text ?? this.#textOf(form)
    const sent = this.#work.sent(text)
    const { query, values } = this.#outgoing(form, plan)
    try {
      if (form.callback !== undefined) {
        const tell = form.callback
        this.#run(query, values, (error, reply) => {
          if (error) {
            noteFailure(this.#session.client, query, error)
            this.#failed(sent, plan, error)
            tell(error)
          } else tell(null, this.#answered(sent, plan, reply as PgReply))
        })
        return undefined
      }
      const answered = this.#run(query, values).then(
        (reply) => this.#answered(sent, plan, reply),
        (error: unknown) => {
          noteFailure(this.#session.client, query, error)
          this.#failed(sent, plan, error)
          throw error
        },
      )
      answered.catch(quiet)
      return answered
    } catch (error) {
      this.#work.withdrawn(sent)
      plan.undo?.()
      throw error
    }
  }

  /** Our own text, the user's as the session keeps it, or the user's as it is. */
  #outgoing(form: Form, plan: Plan): Outgoing {
    const { text, config, values } = form
    const isText = plan.text === undefined && config === undefined && text !== undefined
    // What is no list of values is the driver's to refuse; what changed the session may have made it forget.
    const isPlain = isText && (values === undefined || Array.isArray(values))
    if (!isPlain || this.#work.sessionChange !== undefined) return outgoing(form, plan)
    const query = keptOrPlain(this.#session.client, text, values)
    return typeof query === 'string' ? outgoing(form, plan) : { query }
  }

  /** The driver's `query`, once the branch is begun; the first one takes BEGIN with it. */
  #run(query: string | PgQuery, values: readonly unknown[] | undefined): Promise<PgReply>
  #run(query: string | PgQuery, values: readonly unknown[] | undefined, tell: PgCallback): void
  #run(
    query: string | PgQuery,
    values: readonly unknown[] | undefined,
    tell?: PgCallback,
  ): Promise<PgReply> | undefined {
    const { client } = this.#session
    if (this.#opening.isBegun) {
      if (tell === undefined) return client.query(query, values)
      void client.query(query, values, tell)
      return undefined
    }
    const replied = this.#opening.send(query, values)
    if (tell === undefined) return replied
    replied.then((reply) => tell(null, reply), tell)
    return undefined
  }

  #answered(sent: Sent, plan: Plan, reply: PgReply): PgReply {
    const results = resultsOf(reply)
    this.#work.succeeded(sent, mayHaveWritten(results.at(-1)?.command ?? null), plan.move)
    this.#checkStatus(sent)
    if (plan.tag === undefined) return reply
    const result = results[0] as PgResult
    result.command = plan.tag
    return result
  }

  #failed(sent: Sent, plan: Plan, error: unknown): void {
    this.#work.failed(sent, error)
    plan.undo?.()
  }

  /** The last word on whether the branch's transaction is still open. */
  #checkStatus(sent: Sent): void {
    if (this.#session.status !== 'I' || !this.#session.held) return
    this.#work.doom(
      new Error(
        `the transaction was ended by: ${shown(sent.text)}; what it had done may be committed`,
      ),
    )
  }

  /** A cursor, a COPY stream or a query object, which sends its text by itself. */
  #submit(submittable: PgSubmittable, values: unknown, callback: unknown): unknown {
    const text = submittable.text ?? submittable.cursor?.text
    this.#gate.refuseUnlessAlive(typeof text === 'string' ? text : undefined)
    if (typeof text !== 'string') {
      throw refused('', 'a query object without a text can not be looked into')
    }
    const plan = this.#planFor(text)
    if (plan.text !== undefined) {
      plan.undo?.()
      throw refused(text, 'send it as a text, not as a query object')
    }
    // Set on the driver's own query objects; a COPY goes by the simple protocol whatever we say.
    submittable.queryMode = 'extended'
    if (readText(text).isSeveral) throw severalRefused(text)
    this.#follow(submittable, this.#work.sent(text, true), plan)
    const rest = typeof values === 'function' ? values : callback
    if (this.#opening.isBegun) return this.#session.client.query(submittable, rest)
    this.#opening.submit(submittable, rest)
    return submittable
  }

  /** Hears the end of a query object where the driver tells it: at these three members. */
  #follow(submittable: PgSubmittable, sent: Sent, plan: Plan): void {
    const { handleCommandComplete, handleReadyForQuery, handleError } = submittable
    let tag: string | null = null
    submittable.handleCommandComplete = (message, connection) => {
      tag = /^\w+/.exec(String(message.text))?.[0] ?? null
      return handleCommandComplete?.call(submittable, message, connection)
    }
    submittable.handleReadyForQuery = (connection) => {
      this.#work.succeeded(sent, mayHaveWritten(tag), plan.move)
      this.#checkStatus(sent)
      return handleReadyForQuery?.call(submittable, connection)
    }
    submittable.handleError = (error, connection) => {
      this.#failed(sent, plan, error)
      return handleError?.call(submittable, error, connection)
    }
  }

  /** A named query may leave its text out; then it is the one that the name was prepared with. */
  #textOf({ text, name }: Form): string {
    if (text !== undefined) return text
    const prepared = this.#session.client.connection?.parsedStatements ?? {}
    const known = name === undefined ? undefined : prepared[name]
    if (known === undefined) throw refused(name ?? '', 'a query without a text')
    return known
  }
}

/** For failures that nobody may await: they doom the branch, and need not end the process too. */
function quiet(): void {
  // The branch's vote tells of it.
}

/** A query that the driver sends for the user, in its normal form. */
interface Form {
  readonly text: string | undefined
  readonly name: string | undefined
  readonly config: object | undefined
  readonly values: readonly unknown[] | undefined
  readonly callback: PgCallback | undefined
}

function isSubmittable(query: unknown): query is PgSubmittable {
  return typeof (query as PgSubmittable | null | undefined)?.submit === 'function'
}

function readForm(query: unknown, values: unknown, callback: unknown): Form {
  const config = typeof query === 'object' && query !== null ? query : undefined
  const { text, name, callback: own } = (config ?? {}) as Record<string, unknown>
  const given = typeof query === 'string' ? query : text
  const tell = [callback, values, own].find((each) => typeof each === 'function')
  return {
    text: typeof given === 'string' ? given : undefined,
    name: typeof name === 'string' ? name : undefined,
    config,
    values: typeof values === 'function' ? undefined : (values as readonly unknown[] | undefined),
    callback: tell as PgCallback | undefined,
  }
}

/** What the driver is given. */
interface Outgoing {
  readonly query: string | PgQuery
  readonly values?: readonly unknown[]
}

/** Our own text, or the user's with all its members (types, row mode, getters), by our protocol. */
function outgoing({ text = '', config, values }: Form, plan: Plan): Outgoing {
  if (plan.text !== undefined) return { query: plan.text }
  if (config === undefined) {
    // Values make the driver take the extended protocol, at less cost than being told to.
    if (Array.isArray(values) && values.length > 0) return { query: text, values }
    const told = { text, queryMode: 'extended' } as const
    // What is no list of values is the driver's to refuse.
    return { query: values ? { ...told, values } : told }
  }
  const ours: PropertyDescriptorMap = {
    queryMode: { value: 'extended', enumerable: true },
    // The driver would take a callback of the object's own besides the one that we pass.
    callback: { value: undefined, writable: true, enumerable: true },
  }
  if (text !== '') ours.text = { value: text, enumerable: true }
  if (values !== undefined) ours.values = { value: values, enumerable: true }
  return { query: Object.create(config, ours) as PgQuery }
}
