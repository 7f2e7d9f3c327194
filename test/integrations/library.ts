/** What the suites ask of a library: its own objects, behind one face. */

/** The table `item` through a library's object that is bound to one branch. */
export interface Items {
  add(id: number, name: string): Promise<unknown>
  rename(id: number, name: string): Promise<unknown>
  /** All names, by id. */
  names(): Promise<string[]>
  /** Any text, by the library's way for texts of one's own. */
  send(text: string): Promise<unknown>
  /** The library's own transaction. */
  transaction(work: (items: Items) => Promise<void>): Promise<unknown>
  /** The same at the isolation level SERIALIZABLE, where it can be asked for. */
  readonly serializable?: (work: (items: Items) => Promise<void>) => Promise<unknown>
  /** All names, row by row, where the library streams. */
  readonly each?: () => AsyncIterable<string>
}

/** The library on its own, outside of any branch, with a pool of one connection. */
export interface OwnPool {
  /** Any query. */
  query(): Promise<unknown>
  close(): Promise<unknown>
}

export interface Library<Client> {
  items(client: Client): Items
  ownPool(url: string): Promise<OwnPool> | OwnPool
  /**
   * What becomes of the library's second transaction while its first is open: the branch refuses it;
   * or it passes, because the library begins it by a savepoint of its own; or it waits its turn.
   */
  readonly secondTransaction: 'refused' | 'passes' | 'waits'
  close?(): Promise<void>
}

/** `work`, which has to fail; what it threw. */
export async function thrownBy(
  work: Promise<unknown> | (() => Promise<unknown>),
): Promise<unknown> {
  const running = typeof work === 'function' ? work() : work
  const fulfilled = Symbol('fulfilled')
  const thrown = await running.then(
    () => fulfilled,
    (error: unknown) => error,
  )
  if (thrown === fulfilled) throw new Error('it was expected to fail')
  return thrown
}

/** The messages of an error and of what caused it. */
export function messagesOf(error: unknown): string {
  const { message, cause, parent } = error as { message: string; cause?: unknown; parent?: unknown }
  const under = cause ?? parent
  return under === undefined ? message : `${message}; ${messagesOf(under)}`
}
