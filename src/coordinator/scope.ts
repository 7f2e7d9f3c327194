/**
 * A transaction as the user's work sees it: joins, its signal, and its nested parts.
 *
 * A scope is the whole transaction or a nested part of it. Nested parts are savepoints in every
 * branch, so they form a stack: only the innermost scope takes work.
 */
import { AssentError } from '../core/errors.ts'
import type { TransactionId } from '../core/ids.ts'
import type { PlatformSignal, SignalSource } from '../core/ports.ts'
import type { BatchStatement, Savepoint } from '../participants/contract.ts'
import type { Engine } from './engine.ts'
import { overError } from './failures.ts'
import { refuseUnlessJoined } from './join.ts'
import type { LiveBranch, LiveTransaction } from './live-transaction.ts'
import type { ClientsOf, NameOf, ResourceMap, TransactionOptions } from './options.ts'
import type { Resource } from './resources.ts'

/** The statements that are all the work at a resource, by its name. */
export type Batches = ReadonlyMap<string, readonly BatchStatement[]>

/** What the work gets as `tx`. */
export interface Transaction<Resources extends ResourceMap = ResourceMap> {
  readonly id: TransactionId
  /** Fires when the transaction is rolled back while the work still runs. */
  readonly signal: PlatformSignal
  /**
   * Takes a resource into the transaction and answers its client; the same one when it is joined
   * again. Waits for a connection no longer than the transaction has left.
   */
  join<Name extends NameOf<Resources>>(name: Name): Promise<ClientsOf<Resources, Name>[Name]>
}

const nothing: readonly string[] = []

export class Scope implements Transaction {
  readonly live: LiveTransaction
  readonly parent: Scope | undefined
  readonly #engine: Engine
  readonly #signals: SignalSource
  readonly #options: TransactionOptions
  /** The nested part that is open inside this one. */
  #inner: Scope | undefined
  /** Of a nested part. */
  #savepoints: Map<LiveBranch, Promise<Savepoint>> | undefined
  /** Calls that take part in this scope and have not returned. */
  #partsOpen = 0
  /** Set once a nested part is kept or undone: what comes after would not be part of it. */
  #ended = false
  #abortable: ReturnType<SignalSource> | undefined
  /** Why this scope can only roll back, though the failure was caught. */
  doomedBy: { readonly cause: unknown } | undefined

  constructor(
    engine: Engine,
    signals: SignalSource,
    live: LiveTransaction,
    options: TransactionOptions,
    parent?: Scope,
  ) {
    this.#engine = engine
    this.#signals = signals
    this.live = live
    this.#options = options
    this.parent = parent
  }

  get id(): TransactionId {
    return this.live.id
  }

  get isOpen(): boolean {
    return !this.live.sealed && !this.#ended
  }

  /** What was begun in this scope and not awaited, in words. */
  get pending(): readonly string[] {
    if (this.#partsOpen === 0) return nothing
    const calls = this.#partsOpen === 1 ? 'a call' : `${this.#partsOpen} calls`
    return [`${calls} of transaction() inside it`]
  }

  /** Runs a call that takes part in this scope; until it returns, the scope can't end well. */
  async withPart<Value>(part: () => Promise<Value>): Promise<Value> {
    this.#partsOpen += 1
    try {
      return await part()
    } finally {
      this.#partsOpen -= 1
    }
  }

  get signal(): PlatformSignal {
    if (this.parent !== undefined) return this.parent.signal
    if (this.#abortable === undefined) {
      this.#abortable = this.#signals()
      if (this.live.sealed) this.#abortable.abort(overError(this.live))
    }
    return this.#abortable.signal
  }

  /** Tells the work that it works in vain. */
  interrupt(reason: unknown): void {
    this.#abortable?.abort(reason)
  }

  async join(name: string): Promise<never> {
    const branch = this.#begin(this.#engine.resources.get(name), this.#options, false)
    await branch.joined
    refuseUnlessJoined(this.live, branch)
    if (this.parent !== undefined) await this.#guardNested(branch)
    return branch.handle?.client as never
  }

  /** The clients of the named resources, and `tx`. */
  async clients(
    names: readonly string[],
    modes: TransactionOptions = this.#options,
  ): Promise<Record<string, unknown>> {
    const clients: Record<string, unknown> = { tx: this }
    for (const branch of await this.branches(names, modes)) {
      clients[branch.resourceName] = branch.handle?.client
    }
    return clients
  }

  /**
   * The branches at the named resources, asked for in one turn and in canonical order. With
   * `batches`, one that begins here does nothing but its statements.
   */
  async branches(
    names: readonly string[],
    modes: TransactionOptions = this.#options,
    batches?: Batches,
  ): Promise<LiveBranch[]> {
    const resources = this.#engine.resources.inOrder(names)
    const onlyBranch = resources.length === 1 && this.live.branches.length === 0
    const branches: LiveBranch[] = []
    try {
      for (const resource of resources) {
        branches.push(this.#begin(resource, modes, onlyBranch, batches?.get(resource.name)))
      }
    } finally {
      // All must have ended before a failure is told, or its rollback would meet a begin under way.
      for (let index = 0; index < branches.length; index += 1) await branches[index]?.joined
    }
    for (const branch of branches) {
      refuseUnlessJoined(this.live, branch)
      if (this.parent !== undefined) await this.#guardNested(branch)
    }
    return branches
  }

  /** The branch at a resource, begun unless it is there; await its `joined`. */
  #begin(
    resource: Resource,
    modes: TransactionOptions,
    onlyBranch: boolean,
    statements?: readonly BatchStatement[],
  ): LiveBranch {
    if (this.live.sealed) throw overError(this.live)
    if (this.#ended) throw nestedOver(this.id)
    if (this.#inner !== undefined) throw nestedConflict(this.id)
    const isolation = modes.isolation?.[resource.name]
    const readOnly = modes.readOnly?.includes(resource.name) ?? false
    const before = this.live.branchOf(resource)
    if (before === undefined) {
      const options = { isolation, readOnly, onlyBranch, statements }
      return this.#engine.join(this.live, resource, options)
    }
    if (before.isBatch) throw batchTakesNoMore(this.id, before)
    refuseOtherModes(before, isolation, readOnly)
    return before
  }

  /** Opens a nested part: a savepoint in every branch. */
  async nest(): Promise<Scope> {
    if (this.#inner !== undefined) throw nestedConflict(this.id)
    const inner = new Scope(this.#engine, this.#signals, this.live, this.#options, this)
    this.#inner = inner
    try {
      // None may miss its savepoint.
      for (const { joined } of this.live.branches) await joined
      await Promise.all(this.live.branches.map((branch) => inner.#save(branch)))
    } catch (error) {
      this.#inner = undefined
      throw error
    }
    return inner
  }

  /** Keeps the work of this nested part in the transaction around it. */
  async release(): Promise<void> {
    await this.#endNested((savepoint) => savepoint.release())
  }

  /** Undoes the work of this nested part. */
  async rollBack(): Promise<void> {
    await this.#endNested((savepoint) => savepoint.rollback())
  }

  async #endNested(end: (savepoint: Savepoint) => Promise<void>): Promise<void> {
    this.#ended = true
    if (this.parent !== undefined) this.parent.#inner = undefined
    if (this.live.sealed) return
    const savepoints = [...(this.#savepoints?.values() ?? [])]
    await Promise.all(savepoints.map(async (each) => end(await each)))
  }

  /** A branch that joins inside nested parts gets the savepoints that it missed, outermost first. */
  async #guardNested(branch: LiveBranch): Promise<void> {
    const scopes: Scope[] = []
    for (let scope: Scope | undefined = this; scope?.parent; scope = scope.parent) {
      scopes.unshift(scope)
    }
    for (const scope of scopes) await scope.#save(branch)
  }

  async #save(branch: LiveBranch): Promise<void> {
    const { handle, resourceName } = branch
    if (handle === undefined) return
    this.#savepoints ??= new Map()
    const before = this.#savepoints.get(branch)
    if (before !== undefined) {
      await before
      return
    }
    if (handle.savepoint === undefined) {
      const message = `${resourceName} has no savepoints, so it can't be in a nested transaction`
      throw new AssentError('ASSENT_SAVEPOINT_UNSUPPORTED', message, { resource: resourceName })
    }
    const savepoint = handle.savepoint()
    this.#savepoints.set(branch, savepoint)
    await savepoint
  }
}

/** A branch has begun one way; a stronger wish that comes later must not be lost in silence. */
function refuseOtherModes(
  before: LiveBranch,
  isolation: string | undefined,
  readOnly: boolean,
): void {
  const isOther = isolation !== undefined && isolation !== before.isolation
  if (!isOther && (!readOnly || before.readOnly)) return
  const name = before.resourceName
  const option = isOther ? 'isolation' : 'readOnly'
  const message =
    `${option} of ${name} can't change: its branch has begun in the transaction around this ` +
    'call; ask for it there, or use requires-new'
  throw new AssentError('ASSENT_INVALID_OPTION', message, { option })
}

/** What is not awaited may come when the branch has its statements: it would be beside them. */
function batchTakesNoMore(id: TransactionId, { resourceName }: LiveBranch): AssentError {
  const message = `${resourceName} runs the statements of execute, and takes no other work`
  return new AssentError('ASSENT_TRANSACTION_OVER', message, { id })
}

function nestedOver(id: TransactionId): AssentError {
  return new AssentError('ASSENT_TRANSACTION_OVER', 'the nested transaction has ended', { id })
}

function nestedConflict(id: TransactionId): AssentError {
  const message = 'a nested transaction is open inside this one; await it first'
  return new AssentError('ASSENT_NESTED_CONFLICT', message, { id })
}
