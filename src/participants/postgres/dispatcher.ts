/**
 * Sends the user's statements, in every form that the driver takes them, and keeps account of them.
 *
 * Keeps A4 (after the seal nothing is sent) and A1: texts go by the extended protocol, whose server
 * refuses several statements in one text, so no `insert; commit; insert` commits in the middle; and
 * after every reply the transaction's status must not be idle.
 */
import { AssentError } from '../../core/errors.ts'
import {
  type PgCallback,
  type PgQuery,
  type PgReply,
  type PgResult,
  type PgSubmittable,
  resultsOf,
} from './driver.ts'
import { type Plan, planFor, type Rules, refused, severalRefused } from './plans.ts'
import type { Session } from './session.ts'
import { savepointPrefix } from './sql.ts'
import { isSeveral } from './statements.ts'
import { type Sent, shown, type Work } from './work.ts'

export class Dispatcher {
  readonly #session: Session
  readonly #work: Work
  readonly #rules: Rules
  #isSealed = false
  #names = 0

  constructor(session: Session, work: Work, rules: Rules) {
    this.#session = session
    this.#work = work
    this.#rules = rules
  }

  get isSealed(): boolean {
    return this.#isSealed
  }

  seal(): void {
    this.#isSealed = true
  }

  nextName(): string {
    this.#names += 1
    return `${savepointPrefix}${this.#names}`
  }

  /** What is thrown at whoever uses the client too late. */
  over(): AssentError {
    const { transaction } = this.#rules
    const message = `transaction ${transaction} is committing or has ended`
    return new AssentError('ASSENT_TRANSACTION_OVER', message, { id: transaction })
  }

  /** `client.query`, in all its forms. */
  query(query: unknown, values?: unknown, callback?: unknown): unknown {
    if (isSubmittable(query)) return this.#submit(query, values, callback)
    const form = readForm(query, values, callback)
    let plan: Plan
    try {
      this.#refuseUnlessAlive()
      plan = this.#planFor(this.#textOf(form))
    } catch (error) {
      return this.#refuse(form, error)
    }
    return this.#send(form, plan)
  }

  #planFor(text: string): Plan {
    const plan = planFor(text, this.#rules, this.#work, () => this.nextName())
    // Drivers that hide the status may be too old to know the extended protocol by name (pg 8.12).
    const isBlind = this.#session.client.getTransactionStatus === undefined
    if (isBlind && plan.text === undefined && isSeveral(text)) throw severalRefused(text)
    return plan
  }

  #refuse({ callback: tell }: Form, error: unknown): Promise<never> | undefined {
    const answer = Promise.reject<never>(error)
    const isHeard = tell !== undefined || (this.#work.doomed !== undefined && !this.#isSealed)
    if (isHeard) answer.catch(quiet)
    // As the driver does it: never before `query` has returned.
    if (tell !== undefined) answer.catch(tell)
    return tell === undefined ? answer : undefined
  }

  #send(form: Form, plan: Plan): unknown {
    const text = plan.text ?? this.#textOf(form)
    const sent = this.#work.sent(text)
    const { query, values } = outgoing(form, plan)
    try {
      if (form.callback !== undefined) {
        const tell = form.callback
        void this.#session.client.query(query, values, (error, reply) => {
          if (error) {
            this.#failed(sent, plan, error)
            tell(error)
          } else tell(null, this.#answered(sent, plan, reply as PgReply))
        })
        return undefined
      }
      const answered = this.#session.client.query(query, values).then(
        (reply) => this.#answered(sent, plan, reply),
        (error: unknown) => {
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

  #answered(sent: Sent, plan: Plan, reply: PgReply): PgReply {
    const results = resultsOf(reply)
    this.#work.succeeded(sent, results.at(-1)?.command ?? null, plan.move)
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
    this.#refuseUnlessAlive()
    const text = submittable.text ?? submittable.cursor?.text
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
    if (isSeveral(text)) throw severalRefused(text)
    this.#follow(submittable, this.#work.sent(text, true), plan)
    const rest = typeof values === 'function' ? values : callback
    return this.#session.client.query(submittable, rest)
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
      this.#work.succeeded(sent, tag, plan.move)
      this.#checkStatus(sent)
      return handleReadyForQuery?.call(submittable, connection)
    }
    submittable.handleError = (error, connection) => {
      this.#failed(sent, plan, error)
      return handleError?.call(submittable, error, connection)
    }
  }

  #refuseUnlessAlive(): void {
    if (this.#isSealed) throw this.over()
    const doomed = this.#work.doomed ?? this.#session.lost
    if (doomed === undefined) return
    throw new AssentError(
      'ASSENT_TRANSACTION_DOOMED',
      'earlier work of this transaction failed, so it can only roll back',
      { id: this.#rules.transaction },
      { cause: doomed.cause },
    )
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
