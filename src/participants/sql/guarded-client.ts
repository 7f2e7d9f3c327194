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
  /** What stands in for a member of the driver, made when that is first used. */
  readonly replaced: (key: string, client: object) => Method | undefined
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

const harmlessByDefault: ReadonlySet<PropertyKey> = new Set(harmlessMembers)

export function guardClient(options: GuardedClientOptions): Guarded {
  return new GuardedClient(options)
}

/** Made for every branch: what is seldom used is made when it is used. */
class GuardedClient implements Guarded, ProxyHandler<object> {
  readonly client: object
  readonly #options: GuardedClientOptions
  readonly #own = new Map<PropertyKey, unknown>()
  #listeners: { event: string; listener: Listener }[] | undefined

  constructor(options: GuardedClientOptions) {
    this.#options = options
    this.client = new Proxy(options.raw, this)
  }

  get(target: object, key: PropertyKey): unknown {
    const own = this.#own.get(key)
    if (own !== undefined || this.#own.has(key)) return own
    const value: unknown = Reflect.get(target, key, target)
    if (typeof value !== 'function' || key === 'constructor' || typeof key === 'symbol') {
      return value
    }
    const wrapped = this.#wrap(key, value as Method)
    this.#own.set(key, wrapped)
    return wrapped
  }

  set(_target: object, key: PropertyKey, value: unknown): boolean {
    return keep(this.#own, key, value)
  }

  has(target: object, key: PropertyKey): boolean {
    return this.#own.has(key) || Reflect.has(target, key)
  }

  deleteProperty(_target: object, key: PropertyKey): boolean {
    return this.#own.delete(key) || true
  }

  defineProperty(_target: object, key: PropertyKey, { value }: PropertyDescriptor): boolean {
    return keep(this.#own, key, value)
  }

  undress(): void {
    if (this.#listeners !== undefined) this.#removeAll()
  }

  #wrap(key: PropertyKey, method: Method): Method {
    const { raw, gate, refuse, replaced } = this.#options
    const ours = typeof key === 'string' ? replaced(key, this.client) : undefined
    if (ours !== undefined) return ours
    if (key === 'removeAllListeners') return (event?: string) => this.#removeAll(event)
    return (...args: never[]) => {
      if (gate.isSealed && !this.#isHarmless(key)) throw gate.over()
      refuse?.(key)
      if (adders.has(key)) this.#note(args[0] ?? '', args[1] ?? ignore)
      const result: unknown = method.apply(raw as never, args)
      // Chained calls (`client.on(...).query(...)`) stay guarded.
      return result === raw ? this.client : result
    }
  }

  #isHarmless(key: PropertyKey): boolean {
    return harmlessByDefault.has(key) || this.#options.harmless?.includes(key) === true
  }

  #note(event: string, listener: Listener): void {
    this.#listeners ??= []
    this.#listeners.push({ event, listener })
  }

  #removeAll(event?: string): object {
    for (const each of this.#listeners ?? []) {
      if (event === undefined || each.event === event) {
        this.#options.raw.removeListener(each.event, each.listener)
      }
    }
    return this.client
  }
}

function keep(own: Map<PropertyKey, unknown>, key: PropertyKey, value: unknown): boolean {
  own.set(key, value)
  return true
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
