/** The face: what a user opens, and what its calls mean. */
import type { Decision, Outcome } from '../core/decision.ts'
import type { BrokenInvariant } from '../core/invariant.ts'
import type { Clock, Context, Events, Random, SignalSource, Timers } from '../core/ports.ts'
import type { DoctorReport } from '../doctor/doctor.ts'
import { type DoctorOptions, limitsFrom } from '../doctor/options.ts'
import type { LogStatistics, Signature } from '../log/contract.ts'
import { Administration, type Resolution } from './administration.ts'
import type { BatchesFor, BatchMap, Executed } from './batches.ts'
import { type CloseReport, Closing } from './closing.ts'
import type { StateChange } from './events.ts'
import { execute } from './execute.ts'
import { type LogsPort, openParts, type Parts } from './open.ts'
import type { ClientsOf, NameOf, Propagation, ResourceMap, TransactionOptions } from './options.ts'
import type { PendingTransaction } from './pending.ts'
import { type Propagator, propagate, readCall, transactionRequired } from './propagation.ts'
import type { Transacted } from './run.ts'
import type { Scope, Transaction } from './scope.ts'
import { type LogPlace, SelfExamination } from './self-examination.ts'
import { type Settings, settingsFrom } from './settings.ts'
import type { Sighting } from './sweep.ts'

/** Everything that the coordinator asks of the world outside. */
export interface CoordinatorPorts {
  readonly clock: Clock
  /** For what a caller waits for. */
  readonly timers: Timers
  /** For what goes on behind callers: sweeps, checks, adoption. */
  readonly backgroundTimers: Timers
  readonly random: Random
  readonly context: Context<Scope>
  readonly signals: SignalSource
  readonly events: Events<StateChange>
  readonly logs: LogsPort
  /** For the doctor; without it the log's directory is not examined. */
  readonly place?: LogPlace
  /** Must stop the process: going on could break atomicity. */
  readonly onBroken: (broken: BrokenInvariant) => void
  /** Runs at close, after the last transaction and before the logs are given up. */
  readonly beforeRelease?: () => Promise<void>
}

export interface CoordinatorOptions<Resources extends ResourceMap = ResourceMap>
  extends Partial<Settings> {
  readonly resources: Resources
  /** Names whose database was replaced on purpose; see `ASSENT_RESOURCE_CHANGED`. */
  readonly acceptChanged?: readonly NameOf<Resources>[]
  /** The limits of `coordinator.doctor`, where a call gives none of its own. */
  readonly doctor?: DoctorOptions
}

type Work<Resources extends ResourceMap, Name extends NameOf<Resources>, Value> = (
  clients: ClientsOf<Resources, Name> & { readonly tx: Transaction<Resources> },
) => Promise<Value> | Value

type DynamicWork<Resources extends ResourceMap, Value> = (
  tx: Transaction<Resources>,
) => Promise<Value> | Value

type DetachedWork<Resources extends ResourceMap, Value> = (
  tx: Transaction<Resources> | undefined,
) => Promise<Value> | Value

/** Work that names its resources needs a transaction to have them in. */
type DeclaredOptions<Name extends string> = TransactionOptions<Name> & {
  readonly propagation?: Exclude<Propagation, WithoutTransaction['propagation']>
}

type WithoutTransaction = { readonly propagation: Extract<Propagation, 'supports' | 'never'> }

/**
 * A transaction manager over named resources. Made by `openCoordinator`; one for each process.
 *
 * @example
 * const id = await coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
 *   await stock.query('update item set count = count - 1 where sku = $1', [sku])
 *   const { rows } = await orders.query('insert into orders (sku) values ($1) returning id', [sku])
 *   return rows[0].id
 * })
 */
export class Coordinator<Resources extends ResourceMap = ResourceMap> {
  readonly #parts: Parts
  readonly #propagator: Propagator
  readonly #administration: Administration
  readonly #closing: Closing
  readonly #examination: SelfExamination

  /** Use `openCoordinator`. */
  constructor(
    parts: Parts,
    ports: CoordinatorPorts,
    { acceptChanged = [], doctor = {} }: Pick<CoordinatorOptions, 'acceptChanged' | 'doctor'> = {},
  ) {
    const { engine, books, sweep } = parts
    const { clock, events, context, signals } = ports
    this.#parts = parts
    this.#administration = new Administration({ engine, books, sweep, clock, events })
    this.#closing = new Closing(parts, ports.beforeRelease)
    this.#examination = new SelfExamination({
      parts,
      ports,
      transactions: () => this.transactions(),
      acceptChanged,
      limits: doctor,
    })
    this.#propagator = {
      runner: { engine, book: books.own, context, signals },
      random: ports.random,
      refuseIfClosing: () => this.#closing.refuseIfClosing(),
    }
  }

  /** The transaction that is open around the caller, if there is one. */
  get current(): Transaction<Resources> | undefined {
    const scope = this.#propagator.runner.context.get()
    return scope?.isOpen ? (scope as Transaction as Transaction<Resources>) : undefined
  }

  /**
   * Runs `work` as one transaction: it happens at every resource, or at none.
   *
   * Declared form: names the resources; `work` gets their typed clients, and `tx`. Dynamic form:
   * `work` gets `tx` and joins what it finds it needs. The call's value is the work's value, given
   * when every branch has acknowledged or `settleWaitMs` have passed.
   *
   * @throws what `work` threw, unchanged, where everything was rolled back and nothing else went
   * wrong; else an `AssentError` whose `effect` and `retry` say what happened and what to do.
   */
  async transaction<const Name extends NameOf<Resources>, Value>(
    resources: readonly Name[],
    work: Work<Resources, Name, Value>,
    options?: DeclaredOptions<NoInfer<Name>>,
  ): Promise<Value>
  async transaction<Value>(
    work: DetachedWork<Resources, Value>,
    options: TransactionOptions<NameOf<Resources>> & WithoutTransaction,
  ): Promise<Value>
  async transaction<Value>(
    work: DynamicWork<Resources, Value>,
    options?: TransactionOptions<NameOf<Resources>>,
  ): Promise<Value>
  async transaction<Value>(...call: readonly unknown[]): Promise<Value> {
    return (await propagate<Value>(this.#propagator, readCall(call))).value
  }

  /** Like `transaction`, and answers the id and whether all was settled besides the value. */
  async transact<const Name extends NameOf<Resources>, Value>(
    resources: readonly Name[],
    work: Work<Resources, Name, Value>,
    options?: DeclaredOptions<NoInfer<Name>>,
  ): Promise<Transacted<Value>>
  async transact<Value>(
    work: DetachedWork<Resources, Value>,
    options: TransactionOptions<NameOf<Resources>> & WithoutTransaction,
  ): Promise<Transacted<Value>>
  async transact<Value>(
    work: DynamicWork<Resources, Value>,
    options?: TransactionOptions<NameOf<Resources>>,
  ): Promise<Transacted<Value>>
  async transact<Value>(...call: readonly unknown[]): Promise<Transacted<Value>> {
    return propagate(this.#propagator, readCall(call))
  }

  /**
   * Runs statements that are all known as one transaction, with the fewest messages: where a
   * resource can, its whole branch and its vote are one. Answers what each statement answered, for a
   * list of them a list. Inside another transaction it takes part in that.
   *
   * @example
   * const { orders } = await coordinator.execute({
   *   orders: ['insert into orders (sku) values ($1) returning id', [sku]],
   *   stock: [['update item set count = count - 1 where sku = $1', [sku]]],
   * })
   * console.log(orders.rows[0]?.id)
   *
   * @example
   * // A row that tells which transaction it is of, for `coordinator.outcome(id)`:
   * await coordinator.execute((tx) => ({
   *   orders: ['insert into orders (sku, transaction) values ($1, $2)', [sku, tx.id]],
   *   stock: ['update item set count = count - 1 where sku = $1', [sku]],
   * }))
   *
   * @throws the resource's error of the statement that failed, where everything was rolled back and
   * nothing else went wrong; else as `transaction`.
   */
  async execute<const Work extends BatchMap<Resources>>(
    batches: BatchesFor<Resources, Work>,
    options?: DeclaredOptions<NameOf<Resources>>,
  ): Promise<Executed<Resources, Work>> {
    const results = await execute(this.#propagator, batches, options)
    return results as Executed<Resources, Work>
  }

  /** Joins a resource to the transaction around the caller; there must be one. */
  async join<const Name extends NameOf<Resources>>(
    name: Name,
  ): Promise<ClientsOf<Resources, Name>[Name]> {
    const scope = this.#propagator.runner.context.get()
    if (scope === undefined) throw transactionRequired()
    return scope.join(name) // which refuses when it is over
  }

  /** Runs `body` outside the transaction that is open around the caller. */
  detached<Value>(body: () => Value): Value {
    return this.#propagator.runner.context.run(undefined, body)
  }

  /**
   * How a transaction ended. `unknown` while it is held or in doubt, and for good where nobody can
   * tell: the answer of a one-phase commit was lost, the id is older than what is retained, or it is
   * of another process's log (ask that process, or `assent show`).
   */
  async outcome(id: string): Promise<Outcome> {
    return this.#administration.outcome(id)
  }

  /** What waits for a resource that is down, or for an operator. */
  inDoubt(): PendingTransaction[] {
    return this.#administration.inDoubt()
  }

  /** Every transaction that is not over. */
  transactions(): PendingTransaction[] {
    return this.#administration.transactions()
  }

  /** Prepared branches at the resources that no live transaction here answers for. */
  orphans(): Sighting[] {
    return this.#administration.orphans()
  }

  /**
   * An operator's act: settles a held transaction; or, with `resource`, says how a branch ended
   * that can't be reached any more; or, given a branch id, settles a stranger's orphan. Recorded.
   */
  resolve(id: string, decision: Decision, resolution: Resolution): Promise<void> {
    return this.#administration.resolve(id, decision, resolution)
  }

  /** An operator has seen the heuristics of a transaction: it leaves the lists. Recorded. */
  forget(id: string, signature: Signature): Promise<void> {
    return this.#administration.forget(id, signature)
  }

  /**
   * Examines the log and every resource: whether they keep the promise as they are set up, and what
   * waits there. Changes nothing, and takes about 20 s where everything hangs. `assent doctor` does
   * the same from outside.
   *
   * @throws `ASSENT_INVALID_OPTION`; what is wrong elsewhere is a finding.
   */
  async doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
    return await this.#examination.run(options)
  }

  /** Figures of the decision log. */
  logStatistics(): LogStatistics {
    return this.#parts.books.own.log.statistics()
  }

  /** Where the decision log is. */
  get log(): string {
    return this.#parts.books.own.log.location
  }

  /** Where the logs are that this process owns: its own first, then those that it adopted. */
  get logs(): readonly string[] {
    return this.#parts.books.all().map((book) => book.log.location)
  }

  /**
   * Takes no new transactions, waits for those under way, rolls back what is not decided after
   * `timeoutMs` (default 10,000), and reports what is left: the next process goes on with it.
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<CloseReport> {
    return this.#closing.close(options.timeoutMs ?? 10_000)
  }
}

/**
 * Opens a coordinator over given ports: locks and recovers the log, examines the resources, and
 * begins to deliver what was undelivered. `openCoordinator` does so over Node.
 *
 * @throws `ASSENT_INVALID_OPTION`, `ASSENT_LOG_...`, `ASSENT_RESOURCE_REFUSED` or
 * `ASSENT_RESOURCE_CHANGED`. A resource that can't be reached is no failure: it is asked again.
 */
export async function createCoordinator<const Resources extends ResourceMap>(
  ports: CoordinatorPorts,
  options: CoordinatorOptions<Resources>,
): Promise<Coordinator<Resources>> {
  // A limit that is none is refused before anything is opened.
  limitsFrom(options.doctor ?? {}, settingsFrom(options))
  return new Coordinator<Resources>(await openParts(ports, options), ports, options)
}
