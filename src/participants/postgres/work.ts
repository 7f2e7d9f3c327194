/** What a branch's transaction went through, as far as only PostgreSQL asks for it. */
import { type Sent, Work } from '../sql/work.ts'

/** The tags of statements that write nothing, unless a function in them does. */
const harmlessTags: ReadonlySet<string> = new Set([
  ...['SELECT', 'SHOW', 'EXPLAIN'],
  ...['SET', 'RESET', 'DEALLOCATE'],
  ...['SAVEPOINT', 'RELEASE', 'ROLLBACK'],
  ...['DECLARE', 'FETCH', 'MOVE', 'CLOSE'],
])

const textsKept = 100

export class PostgresWork extends Work {
  /** Whether a statement spoke of `synchronous_commit`. */
  mayHaveWeakened = false
  /** The latest texts, to find the table that a refused PREPARE is about. */
  readonly texts: string[] = []

  override sent(text: string, isOpenEnded = false): Sent {
    this.texts.push(text)
    if (this.texts.length > textsKept) this.texts.shift()
    return super.sent(text, isOpenEnded)
  }
}

/** Whether a reply leaves room for a write; a tag of null: the server sent none. */
export function mayHaveWritten(tag: string | null): boolean {
  return tag === null || !harmlessTags.has(tag)
}
