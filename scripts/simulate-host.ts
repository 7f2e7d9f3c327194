/** The platform under a simulation: Node's microtasks, its asynchronous context, its signals. */
import { AsyncLocalStorage } from 'node:async_hooks'

import type { Context } from '../src/core/ports.ts'
import type { Host } from '../src/simulation/host.ts'

export const nodeHost: Host = {
  // A tick that is asked for in a microtask runs when no microtask is left.
  quiesce: () => new Promise((resolve) => process.nextTick(resolve)),
  context: <Value>(): Context<Value> => {
    const storage = new AsyncLocalStorage<Value | undefined>()
    return { run: (value, body) => storage.run(value, body), get: () => storage.getStore() }
  },
  signals: () => {
    const controller = new AbortController()
    return { signal: controller.signal, abort: (reason) => controller.abort(reason) }
  },
  watchRejections: (report) => {
    process.on('unhandledRejection', report)
    return async () => {
      // Node tells of rejections only when it has nothing else to do.
      await new Promise((resolve) => setImmediate(resolve))
      process.off('unhandledRejection', report)
    }
  },
}
