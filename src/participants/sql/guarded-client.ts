/**
 * A driver's client behind a proxy, as far as it is the same for every driver.
 *
 * Keeps A4: after the seal every use of it is refused but the harmless. What is put on it (listeners,
 * members) leaves with the branch, and does not stay on the pooled connection.
 */
import type { Gate } from './gate.ts'

export type Listener = (...args: never[]) => void
export type Method = (...args: never[]) => unknown

export interface Guarded {
  readonly client: object
  /** Takes the user's listeners off the connection. */
  undress(): void
}

/** An emitter of events, from which listeners can be taken. */
interface Emitter {
  removeListener(event: string, listener: Listener): unknown
}

export interface GuardedClientOptions {
  readonly raw: Emitter
  readonly gate: Gate
  /** Members that do no harm after the end, beside those of every emitter. */
  readonly harmless?: readonly PropertyKey[]
  /** Called before a member of the driver's is used; throws what can't be allowed. */
  readonly refuse?: (key: PropertyKey) => void
  /** What stands in for members of the driver, given the guarded client. */
  readonly replaced: (client: () => object) => Record<string, Method>
}

/** Members that add a listener. */
export const adders: ReadonlySet<PropertyKey> = new Set([
  'on',
  'once',
  'addListener',
  'prependListener',
  'prependOnceListener',
])

/** Tidying up, and what `console.log` looks at. */
export const harmlessMembers: readonly PropertyKey[] = [
  'off',
  'removeListener',
  'removeAllListeners',
  'listenerCount',
  'toString',
]

export function guardClient(options: GuardedClientOptions): Guarded {
  const { raw, gate, refuse } = options
  const harmless = new Set([...harmlessMembers, ...(options.harmless ?? [])])
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
    ...options.replaced(() => client),
    removeAllListeners: removeAll,
  }

  function wrap(key: PropertyKey, method: Method): Method {
    const ours = typeof key === 'string' && Object.hasOwn(replaced, key) ? replaced[key] : undefined
    if (ours !== undefined) return ours
    return (...args: never[]) => {
      if (gate.isSealed && !harmless.has(key)) throw gate.over()
      refuse?.(key)
      if (adders.has(key)) listeners.push({ event: args[0] ?? '', listener: args[1] ?? ignore })
      const result: unknown = method.apply(raw as never, args)
      // Chained calls (`client.on(...).query(...)`) stay guarded.
      return result === raw ? client : result
    }
  }

  const client: object = new Proxy(raw, {
    ...ownMembers(own),
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
  })
  return { client, undress: () => void removeAll() }
}

/** Members that the user sets stay on the proxy. */
export function ownMembers(own: Map<PropertyKey, unknown>): ProxyHandler<object> {
  return {
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
  }
}

function ignore(): void {
  // A listener that was not given is the driver's to complain about.
}
