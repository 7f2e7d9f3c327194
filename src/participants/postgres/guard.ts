/**
 * The client that the user's work runs with: the driver's own, behind a proxy.
 *
 * Keeps A1 and A4: its statements go through the dispatcher, it can't be released or ended under the
 * branch, and after the seal every use of it is refused. What is put on it (listeners, members)
 * leaves with the branch and does not stay on the pooled connection.
 */
import type { Gate } from '../sql/gate.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { PgConnection } from './driver.ts'

type Listener = (...args: never[]) => void
type Method = (...args: never[]) => unknown

export interface Guarded {
  readonly client: object
  /** Takes the user's listeners off the connection. */
  undress(): void
}

/** Members that do no harm after the end: tidying up, and what `console.log` looks at. */
const harmless: ReadonlySet<PropertyKey> = new Set([
  'release',
  'end',
  'off',
  'removeListener',
  'removeAllListeners',
  'listenerCount',
  'toString',
])

const adders: ReadonlySet<PropertyKey> = new Set([
  'on',
  'once',
  'addListener',
  'prependListener',
  'prependOnceListener',
])

export function guard(raw: PgConnection, dispatcher: Dispatcher, gate: Gate): Guarded {
  const listeners: { event: string; listener: Listener }[] = []
  const own = new Map<PropertyKey, unknown>()

  const removeAll = (event?: string): object => {
    for (const each of listeners) {
      if (event === undefined || each.event === event) {
        raw.removeListener(each.event, each.listener)
      }
    }
    return client
  }

  const replaced: Record<string, Method> = {
    query: (query: unknown, values?: unknown, callback?: unknown) =>
      dispatcher.query(query, values, callback),
    release: () => undefined,
    // It is connected; libraries that connect what they are given may do so.
    connect: tell,
    end: tell,
    removeAllListeners: removeAll,
  }

  /** Answers by promise, or by callback where one is given. */
  function tell(callback?: (error: null, client: object) => void): Promise<object> | undefined {
    const answered = Promise.resolve(client)
    if (callback === undefined) return answered
    void answered.then(() => callback(null, client))
    return undefined
  }

  function wrap(key: PropertyKey, method: Method): Method {
    const ours = typeof key === 'string' && Object.hasOwn(replaced, key) ? replaced[key] : undefined
    return (...args: never[]) => {
      if (gate.isSealed && ours === undefined && !harmless.has(key)) throw gate.over()
      if (ours !== undefined) return ours(...args)
      if (adders.has(key)) listeners.push({ event: args[0] ?? '', listener: args[1] ?? ignore })
      const result: unknown = method.apply(raw as never, args)
      // Chained calls (`client.on(...).query(...)`) stay guarded.
      return result === raw ? client : result
    }
  }

  const client: object = new Proxy(raw, {
    get(target, key) {
      if (own.has(key)) return own.get(key)
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function' || key === 'constructor' || typeof key === 'symbol') {
        return value
      }
      const wrapped = wrap(key, value as Method)
      own.set(key, wrapped)
      return wrapped
    },
    set(_target, key, value) {
      own.set(key, value)
      return true
    },
    has: (target, key) => own.has(key) || Reflect.has(target, key),
    deleteProperty: (_target, key) => own.delete(key) || true,
    defineProperty(_target, key, { value }) {
      own.set(key, value)
      return true
    },
  })
  return { client, undress: () => void removeAll() }
}

function ignore(): void {
  // A listener that was not given is the driver's to complain about.
}
