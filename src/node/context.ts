/** The port `Context` over Node's asynchronous context. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context } from '../core/ports.ts'

export function asyncContext<Value>(): Context<Value> {
  const storage = new AsyncLocalStorage<Value | undefined>()
  return {
    run: (value, body) => storage.run(value, body),
    get: () => storage.getStore(),
  }
}
