/**
 * The client that the user's work runs with: the driver's own, behind a proxy.
 *
 * Keeps A1 and A4: its statements go through the dispatcher, it can't be released or ended under the
 * branch, and after the seal every use of it is refused. Of the two faces of the driver the inner one
 * is guarded, and the promises' goes through it: whichever the user takes, there is one way out.
 * What is put on it (listeners, members) leaves with the branch.
 */
import type { Gate } from '../sql/gate.ts'
import {
  adders,
  type Guarded,
  guardClient,
  harmlessMembers,
  type Method,
  ownMembers,
} from '../sql/guarded-client.ts'
import { refused } from '../sql/plans.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { MysqlCallback, MysqlConnection } from './driver.ts'
import { refusedCommand } from './refused-command.ts'

/** Members of the driver's own that would pass by the guard. */
const internal: ReadonlySet<PropertyKey> = new Set(['addCommand', 'write', 'writePacket'])

/** Guards the face that the pool gave, and what it stands on. */
export function guard(
  client: object,
  connection: MysqlConnection,
  dispatcher: Dispatcher,
  gate: Gate,
): Guarded {
  const inner = guardInner(connection, dispatcher, gate)
  if (client === connection) return inner
  return {
    client: faceOver(client, inner.client, dispatcher, gate),
    undress: () => inner.undress(),
  }
}

/** Methods that say something to the server, and so may be refused. */
const senders: ReadonlySet<PropertyKey> = new Set([
  ...['query', 'execute', 'prepare'],
  ...['beginTransaction', 'commit', 'rollback'],
])

/** Methods that the face of promises takes from the driver's class, past the connection's own. */
const borrowed: ReadonlySet<PropertyKey> = new Set([
  ...['close', 'createBinlogStream', 'pause', 'pipe', 'resume', 'unprepare'],
  ...['escape', 'escapeId', 'format'],
])

/** The face of promises, over the guarded connection: its methods use what `connection` gives them. */
function faceOver(face: object, inner: object, dispatcher: Dispatcher, gate: Gate): object {
  const view: object = Object.create(face, { connection: { value: inner } })
  const own = new Map<PropertyKey, unknown>([['connection', inner]])

  const call = (target: object, key: PropertyKey, method: Method, args: never[]): unknown => {
    if (borrowed.has(key)) return (Reflect.get(inner, key) as Method)(...args)
    // An emitter keeps its listeners on itself; all else is said through the connection.
    const isEmitters = adders.has(key) || harmlessMembers.includes(key) || key === 'emit'
    const result: unknown = method.apply((isEmitters ? target : view) as never, args)
    if (senders.has(key) && result instanceof Promise) {
      // Failures that nobody may await: they doom the branch, and need not end the process too.
      if (!dispatcher.isLastRefused || gate.isToldElsewhere) result.catch(ignore)
    }
    return result === target || result === view ? client : result
  }

  const client: object = new Proxy(face, {
    ...ownMembers(own),
    get(target, key) {
      if (own.has(key)) return own.get(key)
      const value: unknown = Reflect.get(target, key, view)
      if (typeof value !== 'function' || key === 'constructor') return value
      const method = (...args: never[]): unknown => call(target, key, value as Method, args)
      own.set(key, method)
      return method
    },
  })
  return client
}

function guardInner(raw: MysqlConnection, dispatcher: Dispatcher, gate: Gate): Guarded {
  /** Of what would roll the branch back, or leave its session. */
  const refuse =
    (name: string): Method =>
    (...args: unknown[]) => {
      const callback = args.findLast((each) => typeof each === 'function')
      const error = gate.isSealed ? gate.over() : refused(name, 'it would roll the branch back')
      if (callback === undefined) throw error
      return refusedCommand(error, callback as MysqlCallback)
    }

  /** Success, by callback, and an emitter as the driver returns it. */
  function answer(callback?: unknown): object | undefined {
    if (typeof callback !== 'function') return undefined
    return refusedCommand(null, callback as MysqlCallback)
  }

  let replaced: Record<string, Method> | undefined

  return guardClient({
    raw,
    gate,
    refuse: (key) => {
      if (internal.has(key)) throw refused(String(key), 'it is for the driver alone to call')
    },
    replaced: (key, client) => {
      replaced ??= replacements(client)
      return Object.hasOwn(replaced, key) ? replaced[key] : undefined
    },
  })

  function replacements(client: object): Record<string, Method> {
    return {
      query: (query: unknown, values?: unknown, callback?: unknown) =>
        dispatcher.send('query', query, values, callback),
      execute: (query: unknown, values?: unknown, callback?: unknown) =>
        dispatcher.send('execute', query, values, callback),
      prepare: (query: unknown, callback?: MysqlCallback) =>
        dispatcher.prepare(query, callback ?? ignore),
      beginTransaction: (callback?: unknown) =>
        dispatcher.send('query', 'START TRANSACTION', undefined, callback ?? ignore),
      commit: (callback?: unknown) =>
        dispatcher.send('query', 'COMMIT', undefined, callback ?? ignore),
      rollback: (callback?: unknown) =>
        dispatcher.send('query', 'ROLLBACK', undefined, callback ?? ignore),
      reset: refuse('COM_RESET_CONNECTION'),
      changeUser: refuse('COM_CHANGE_USER'),
      release: () => undefined,
      destroy: () => undefined,
      close: () => undefined,
      end: (callback?: unknown) => answer(callback),
      // It is connected; libraries that connect what they are given may do so.
      connect: (callback?: unknown) => answer(callback),
      promise: (implementation?: unknown) =>
        (raw as unknown as { promise: (given?: unknown) => object }).promise.call(
          client,
          implementation,
        ),
    }
  }
}

function ignore(): void {
  // Who gives no callback learns of a failure by the branch's vote.
}
