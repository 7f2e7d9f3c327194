/**
 * Transactions without a callback: statements that are all known before anything is sent.
 *
 * Keeps what `transaction` keeps: the engine, the votes and the decision are the same. All that
 * differs is that a resource gets its branch's whole work at once, and may run it with its vote.
 */
import { AssentError, isAssentError } from '../core/errors.ts'
import type { TransactionId } from '../core/ids.ts'
import { invariant } from '../core/invariant.ts'
import { type Asked, invalid, nothingAsked, readBatches, shaped } from './batches.ts'
import { timedOut } from './failures.ts'
import { batchOf, type LiveBranch, type LiveTransaction } from './live-transaction.ts'
import type { TransactionOptions } from './options.ts'
import { type Propagator, propagate, readCall } from './propagation.ts'
import { isTimeOver, type Runner } from './run.ts'
import type { Batches, Scope, Transaction } from './scope.ts'

/** What the statements of branches that are no batch answered, by the resources' names. */
type Answers = ReadonlyMap<string, readonly unknown[]>

/** Runs the batches as one transaction; answers the results by the resources' names. */
export async function execute(
  propagator: Propagator,
  given: unknown,
  options: TransactionOptions = {},
): Promise<Record<string, unknown>> {
  const execution = new Execution(propagator.runner, given, options)
  const { names, work } = execution
  const call = readCall<Answers>(names === undefined ? [work, options] : [names, work, options])
  try {
    const { value, id } = await propagate<Answers>(propagator, { ...call, joinsItself: true })
    return execution.results(value, id)
  } catch (error) {
    throw execution.failureOf(error)
  }
}

class Execution {
  /** Undefined where the statements are made from the transaction's id. */
  readonly names: readonly string[] | undefined
  readonly #runner: Runner
  readonly #given: unknown
  readonly #options: TransactionOptions
  readonly #around: Scope | undefined
  #asked = nothingAsked
  #live: LiveTransaction | undefined
  #branches: readonly LiveBranch[] = []

  constructor(runner: Runner, given: unknown, options: TransactionOptions) {
    this.#runner = runner
    this.#given = given
    this.#options = options
    this.#around = runner.context.get()
    refuseOptions(options)
    if (typeof given === 'function') return
    this.#asked = readBatches(runner.engine, given)
    this.names = [...this.#asked.batches.keys()]
  }

  readonly work = async (scope: Scope): Promise<Answers> => {
    this.#live = scope.live
    // A retry is another transaction, with another id.
    if (typeof this.#given === 'function') this.#asked = this.#made(scope)
    const { batches } = this.#asked
    // Beside other work, before or after it, a branch can't be one message.
    const isInside = scope === this.#around || scope.parent !== undefined
    const whole = isInside ? nothingAsked.batches : this.#wholeBranches(scope, batches)
    this.#branches = await scope.branches([...batches.keys()], this.#options, whole)
    return await runAt(
      this.#branches.filter((branch) => batchOf(branch) === undefined),
      batches,
    )
  }

  results(answers: Answers, id: TransactionId | undefined): Record<string, unknown> {
    return shaped(this.#asked, (name) => answers.get(name) ?? this.#resultsAt(name, id))
  }

  /** The error of the statement that failed, as work that throws it would; else what went wrong. */
  failureOf(error: unknown): unknown {
    if (!isAssentError(error, 'ASSENT_ABORTED_BY_VOTE')) return error
    const failed = this.#branches
      .map((branch) => batchOf(branch)?.failed)
      .find((each) => each !== undefined)
    if (failed === undefined) return error
    const { cause } = failed
    const live = this.#live
    // Its own limit may have ended it, a moment before ours.
    const isOver = live !== undefined && isTimeOver(this.#runner.engine, live, cause)
    return isOver ? timedOut(live, cause) : cause
  }

  #made(scope: Scope): Asked {
    const make = this.#given as (tx: Pick<Transaction, 'id'>) => unknown
    const before = scope.live.branches.length
    const batches = make({ id: scope.id })
    // A branch that it began would have work besides its statements, and be no batch.
    if (scope.live.branches.length === before) return readBatches(this.#runner.engine, batches)
    throw invalid('the function that makes the statements only makes them: join nothing in it')
  }

  /**
   * The batches that are their branch's whole message. Where that is its commit as well, the work
   * can't be called off any more, and a limit is one statement's: so what has a signal, or several
   * statements, is run before the commit there.
   */
  #wholeBranches({ live }: Scope, batches: Batches): Batches {
    const { resources } = this.#runner.engine
    const carrier = live.book.log.carried?.resource
    const whole = new Map(batches)
    for (const [name, statements] of batches) {
      const { canPrepare } = resources.get(name).participant
      const isItsCommit = batches.size === 1 || !canPrepare || name === carrier
      const isWatched = this.#options.signal !== undefined || statements.length > 1
      if (isItsCommit && isWatched) whole.delete(name)
    }
    return whole
  }

  /**
   * What a branch's statements answered. Where that came in one message with its commit, and the
   * message was lost, the commit is found out later, but the results are not.
   */
  #resultsAt(name: string, id: TransactionId | undefined): readonly unknown[] {
    const branch = this.#branches.find(({ resourceName }) => resourceName === name)
    const results = (branch && batchOf(branch)?.results) ?? []
    if (results.length === this.#asked.batches.get(name)?.length) return results
    invariant(id !== undefined, 'A6', 'a batch that is a whole branch is of a transaction')
    throw new AssentError(
      'ASSENT_RESULTS_LOST',
      `transaction ${id} has committed, but what its statements answered at ${name} was lost`,
      { id, resource: name },
    )
  }
}

function refuseOptions(options: TransactionOptions | null): void {
  if (typeof options !== 'object' || options === null) {
    throw invalid('the second argument of execute is its options, as those of transaction')
  }
  const { propagation } = options
  if (propagation !== 'never' && propagation !== 'supports') return
  throw invalid(`execute is a transaction: with propagation '${propagation}' it may be none`)
}

/** Sends statements to the clients of branches that may have other work. */
async function runAt(branches: readonly LiveBranch[], batches: Batches): Promise<Answers> {
  const running = branches.map(async ({ resourceName, resource, handle }) => {
    const statements = batches.get(resourceName) ?? []
    const results = await resource?.participant.runBatch?.(handle?.client, statements)
    return [resourceName, results ?? []] as const
  })
  await Promise.allSettled(running)
  return new Map(await Promise.all(running))
}
