/** Isolation levels of transactions, as SQL names them. */
import { refuseOption } from './options.ts'

export type IsolationLevel =
  | 'read uncommitted'
  | 'read committed'
  | 'repeatable read'
  | 'serializable'

/** From the weakest to the strongest. */
export const isolationLevels: readonly IsolationLevel[] = [
  'read uncommitted',
  'read committed',
  'repeatable read',
  'serializable',
]

/** An isolation level in any usual spelling: `serializable`, `REPEATABLE READ`, `read-committed`. */
export function readIsolation(kind: string, text: string, option = 'isolation'): IsolationLevel {
  const spelt = text.toLowerCase().replaceAll(/[\s_-]+/g, ' ')
  const level = isolationLevels.find((each) => each === spelt)
  if (level !== undefined) return level
  const found = JSON.stringify(text)
  return refuseOption(
    option,
    `${kind}: ${option} is ${found}; it can be ${isolationLevels.join(', ')}`,
  )
}

export function isStronger(one: IsolationLevel, other: IsolationLevel): boolean {
  return isolationLevels.indexOf(one) > isolationLevels.indexOf(other)
}
