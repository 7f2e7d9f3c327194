/** What a worker does for a living: it moves money, and notes what it was told. */
import type { Coordinator } from '../../../src/index.ts'
import { isAssentError } from '../../../src/index.ts'
import { nodeTimers } from '../../../src/node/timers.ts'
import type { Participant } from '../../../src/participants/contract.ts'
import type { CrashWatch } from './crash-watch.ts'
import type { Diary } from './diary.ts'
import type { Form, Plant, Side, Told, TransferKind, WorkerSettings } from './settings.ts'
import type { Client, Statements, WorkerStore } from './stores/store.ts'
import { readOnlyIn, type Statement, type Work, workOf } from './work.ts'

export type Bank = Coordinator<Readonly<Record<Side, Participant<Client>>>>

export interface Surroundings {
  readonly bank: Bank
  readonly stores: Readonly<Record<Side, WorkerStore>>
  readonly diary: Diary
  readonly watch: CrashWatch
  readonly settings: WorkerSettings
}

const timers = nodeTimers()
const failurePauseMs = 20
const both = ['left', 'right'] as const

type Clients = Readonly<Partial<Record<Side, Client>>>
type Batches = Readonly<Partial<Record<Side, Statement | readonly Statement[]>>>
type WorkOf = (id: string) => Work

/** Notes that a transaction has its id, before anything of it is sent; answers the id. */
type Began = (id: string) => string

/** What the nested part throws to be undone. */
class Undone extends Error {
  override readonly name = 'Undone'
}

export class Transfers {
  readonly #bank: Bank
  readonly #statements: Readonly<Record<Side, Statements>>
  readonly #diary: Diary
  readonly #watch: CrashWatch
  readonly #kinds: readonly TransferKind[]
  readonly #forms: readonly Form[]
  readonly #plant: Plant | undefined
  #resting = false
  readonly #running: Promise<void>[] = []

  constructor({ bank, stores, diary, watch, settings }: Surroundings) {
    const { kinds = ['transfer'], forms = ['callback'], plant } = settings
    this.#bank = bank
    this.#statements = { left: stores.left.statements, right: stores.right.statements }
    this.#diary = diary
    this.#watch = watch
    this.#kinds = kinds
    this.#forms = forms
    this.#plant = plant
  }

  /** One transaction that is asked for by name: the crash point is armed for it. */
  async runSubject(kind: TransferKind): Promise<Told> {
    return await this.#run(kind, this.#forms[0] ?? 'callback', true)
  }

  /** Transfers for as long as the worker lives; answers when each loop has done its first. */
  async goOn(concurrency: number): Promise<void> {
    this.#resting = false
    const first: Promise<Told>[] = []
    for (let loop = 0; loop < concurrency; loop += 1) {
      const beginning = this.#take(loop)
      first.push(beginning)
      this.#running.push(beginning.then(() => this.#repeat(loop)))
    }
    await Promise.all(first)
  }

  async rest(): Promise<void> {
    this.#resting = true
    await Promise.all(this.#running.splice(0))
  }

  async #repeat(loop: number): Promise<void> {
    for (let turn = loop + 1; !this.#resting; turn += 1) {
      const told = await this.#take(turn)
      // A database that is down refuses at once: it is not to be asked a thousand times a second.
      if (told.result === 'failed') await pause(failurePauseMs)
    }
  }

  /** All kinds in one form, then all in the next. */
  #take(turn: number): Promise<Told> {
    const round = Math.floor(turn / this.#kinds.length)
    const kind = this.#kinds[turn % this.#kinds.length] as TransferKind
    return this.#run(kind, this.#forms[round % this.#forms.length] as Form, false)
  }

  async #run(kind: TransferKind, form: Form, isSubject: boolean): Promise<Told> {
    let id: string | undefined
    const began: Began = (begun) => {
      this.#diary.note({ type: 'began', id: begun, kind })
      if (isSubject) this.#watch.arm(begun)
      id = begun
      return id
    }
    let told: Told = await this.#call(kind, form, began).then(
      () => ({ result: 'committed' }),
      failed,
    )
    if (this.#plant === 'told committed') told = { result: 'committed' }
    if (id === undefined) this.#diary.note({ type: 'told', told })
    else {
      this.#diary.note({ type: 'told', id, told })
      this.#watch.at({ on: 'told' }, id)
      if (isSubject) this.#diary.note({ type: 'passed', id, told })
    }
    return told
  }

  async #call(kind: TransferKind, form: Form, began: Began): Promise<void> {
    if (kind === 'nested') return await this.#nested(form, began)
    if (this.#plant === 'plain commits') return await this.#commitPlainly(kind, form, began)
    const work: WorkOf = (id) => workOf(kind, form, this.#statements, id)
    if (form === 'execute') {
      return await this.#execute((id) => work(began(id)), readOnlyIn[kind])
    }
    return await this.#bank.transaction(
      kind === 'one-phase' ? ['left'] : both,
      ({ tx, ...clients }) => this.#send(work(began(tx.id)), clients, tx.id),
    )
  }

  /** One statement after the other, first in the left database. */
  async #send(work: Work, clients: Clients, id: string): Promise<void> {
    for (const [side, statements] of entriesOf(work)) {
      if (side === 'right') this.#watch.at({ on: 'work', step: 'between the databases' }, id)
      for (const [text, values] of statements) {
        const sent = clients[side]?.query(text, values)
        // A callback may go on after a failure: it is the participant that must vote no.
        if (text === this.#statements[side].refused) await sent?.catch(() => undefined)
        else await sent
      }
    }
  }

  /** Each statement is to concern one row, and its result to say so. */
  async #execute(work: Work | WorkOf, readOnly?: readonly Side[]): Promise<void> {
    const options = readOnly && { readOnly }
    let sent: Work = {}
    const batchesFor = (made: Work): Batches => {
      sent = made
      return batchesOf(made)
    }
    const executed: Partial<Record<Side, unknown>> = await (typeof work === 'function'
      ? this.#bank.execute(({ id }) => batchesFor(work(id)), options)
      : this.#bank.execute(batchesFor(work), options))
    for (const [side, statements] of entriesOf(sent)) {
      const results = statements.length === 1 ? [executed[side]] : executed[side]
      const counts = (results as unknown[]).map(rowsOf)
      if (counts.length === statements.length && counts.every((count) => count === 1)) continue
      throw new Error(`results at ${side} of one row each, not ${JSON.stringify(counts)}`)
    }
  }

  async #nested(form: Form, began: Began): Promise<void> {
    const nested = { propagation: 'nested' } as const
    await this.#bank.transaction(both, async ({ tx, ...clients }) => {
      const id = began(tx.id)
      const work = (row: string): Promise<void> => {
        const part = workOf('nested', form, this.#statements, row)
        if (form === 'execute') return this.#execute(part)
        return this.#send(part, clients, id)
      }
      await this.#bank.transaction(both, () => work(id), nested)
      const undone = this.#bank.transaction(
        both,
        async () => {
          await work(`${id}/undone`)
          this.#watch.at({ on: 'work', step: 'in the nested part' }, id)
          throw new Undone('the nested part is undone')
        },
        nested,
      )
      await undone.catch((error: unknown) => {
        if (!(error instanceof Undone)) throw error
      })
    })
  }

  /** The planted defect. */
  async #commitPlainly(kind: TransferKind, form: Form, began: Began): Promise<void> {
    for (const [side] of entriesOf(workOf(kind, form, this.#statements, ''))) {
      if (side === 'right') this.#watch.at({ on: 'work', step: 'between the databases' })
      const part: WorkOf = (id) => ({ [side]: workOf(kind, form, this.#statements, id)[side] })
      if (form === 'execute') await this.#execute((id) => part(began(id)))
      else {
        await this.#bank.transaction([side], ({ tx, ...clients }) =>
          this.#send(part(began(tx.id)), clients, tx.id),
        )
      }
    }
  }
}

function entriesOf(work: Work): (readonly [Side, NonNullable<Work[Side]>])[] {
  return both.flatMap((side) => {
    const statements = work[side]
    return statements === undefined ? [] : [[side, statements] as const]
  })
}

/** A list of one statement is given as that statement. */
function batchesOf(work: Work): Batches {
  const batches = entriesOf(work).map(([side, statements]) => {
    const [only, ...more] = statements
    return [side, only !== undefined && more.length === 0 ? only : statements]
  })
  return Object.fromEntries(batches)
}

/** How many rows a statement has answered or changed, whichever driver's answer it is. */
function rowsOf(result: unknown): unknown {
  if (Array.isArray(result)) return result.length
  const { rowCount, affectedRows } = result as { rowCount?: unknown; affectedRows?: unknown }
  return rowCount ?? affectedRows
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.set(delayMs, resolve)
  })
}

function failed(error: unknown): Told {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  if (!isAssentError(error)) return { result: 'failed', code: name, effect: 'none', message }
  return { result: 'failed', code: error.code, effect: error.effect, message }
}
