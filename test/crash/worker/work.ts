/** What a transaction of each kind does, as statements: for a callback to send, or for `execute`. */
import { accounts } from '../bank.ts'
import type { Form, Side, TransferKind } from './settings.ts'
import type { Statements } from './stores/store.ts'

export type Statement = readonly [text: string, values: unknown[]]

/** By the databases it is for, the left one first. */
export type Work = Readonly<Partial<Record<Side, readonly Statement[]>>>

type StatementsOf = Readonly<Record<Side, Statements>>

/** Its rows in the journals carry `id`. A nested part does what a transfer does. */
export function workOf(kind: TransferKind, form: Form, statements: StatementsOf, id: string): Work {
  switch (kind) {
    case 'transfer':
    case 'nested':
      return between(form, statements, id)
    case 'refused': {
      const { left, right } = between(form, statements, id)
      return { left, right: [...right, [statements.right.refused, []]] }
    }
    case 'one-phase':
      return { left: within(form, statements.left, id) }
    case 'reading-along':
      return { left: within(form, statements.left, id), right: looking(statements.right, id) }
    case 'reading':
      return { left: looking(statements.left, id), right: looking(statements.right, id) }
  }
}

/** The databases that it only looks into. */
export const readOnlyIn: Readonly<Partial<Record<TransferKind, readonly Side[]>>> = {
  'reading-along': ['right'],
  reading: ['left', 'right'],
}

function between(form: Form, { left, right }: StatementsOf, id: string): Required<Work> {
  const amount = 1 + pick(5)
  return { left: changing(form, left, id, -amount), right: changing(form, right, id, amount) }
}

/** Changes one account, and writes that down. */
function changing(
  form: Form,
  statements: Statements,
  id: string,
  delta: number,
): readonly Statement[] {
  const { moveAndBook } = statements
  const account = pick(accounts)
  if (form === 'execute' && moveAndBook !== undefined) {
    return [[moveAndBook, [delta, account, id, delta]]]
  }
  return booking(statements, id, delta, [[account, delta]])
}

function within(form: Form, left: Statements, id: string): readonly Statement[] {
  const amount = 1 + pick(5)
  const from = pick(accounts - 1)
  const { shiftAndBook } = left
  if (form === 'execute' && shiftAndBook !== undefined) {
    return [[shiftAndBook, [id, amount, from, from + 1]]]
  }
  return booking(left, id, 0, [
    [from, -amount],
    [from + 1, amount],
  ])
}

/** Moves money and writes down that it was moved, in one database. */
function booking(
  { move, book }: Statements,
  id: string,
  delta: number,
  moves: readonly (readonly [account: number, amount: number])[],
): readonly Statement[] {
  const moving = moves.map(([account, amount]): Statement => [move, [amount, account]])
  return [...moving, [book, [id, delta]]]
}

function looking({ look }: Statements, id: string): readonly Statement[] {
  return [[look, [id]]]
}

function pick(count: number): number {
  return Math.floor(Math.random() * count)
}
