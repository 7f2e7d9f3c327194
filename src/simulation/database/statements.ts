/**
 * What a simulated database takes as text and values: `add` with an account and an amount, `read` with
 * an account. A comment in the text says who sends it, as monitoring tools have it.
 */
import type { TransactionId } from '../../core/ids.ts'
import type { BatchStatement } from '../../participants/contract.ts'
import type { AccountClient } from './branch.ts'
import type { Statement } from './messages.ts'

/** One change of one account; an amount of 0 only reads it. `sender` has no spaces. */
export function statementOf(account: string, amount: number, sender: string): BatchStatement {
  if (amount === 0) return { text: `read /* ${sender} */`, values: [account] }
  return { text: `add /* ${sender} */`, values: [account, amount] }
}

/** A sender that says in what transaction it sends. */
export function sentIn(id: TransactionId, sender: string): string {
  return `${sender}@${id}`
}

/** Who sends these, as their texts say, and in what transaction, where they say that. */
export function senderOf(
  statements: readonly BatchStatement[],
): readonly [sender: string, transaction: string | undefined] {
  const [sender = '', transaction] = statements[0]?.text.split(' ')[2]?.split('@') ?? []
  return [sender, transaction]
}

/** As a database is asked. */
export function requestOf({ text, values }: BatchStatement): Statement {
  const account = String(values[0])
  if (text.startsWith('read')) return { type: 'read', account }
  return { type: 'add', account, amount: Number(values[1]) }
}

/** Sends them to the client of a branch one by one; rejects with the first failure. */
export async function runInOrder(
  client: AccountClient,
  statements: readonly BatchStatement[],
  results: number[] = [],
): Promise<readonly number[]> {
  for (const statement of statements) {
    const request = requestOf(statement)
    const { account } = request
    results.push(
      request.type === 'add'
        ? await client.add(account, request.amount)
        : await client.read(account),
    )
  }
  return results
}
