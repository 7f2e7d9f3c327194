/** What is returned for a statement that is not sent: an emitter on which nothing happens. */
import type { MysqlCallback, MysqlCommand } from './driver.ts'

/** Tells `callback` of the refusal; as the driver does it, never before the call has returned. */
export function refusedCommand(error: unknown, callback: MysqlCallback): MysqlCommand {
  void Promise.resolve().then(() => callback(error))
  const command = {
    on: () => command,
    once: () => command,
    off: () => command,
    addListener: () => command,
    removeListener: () => command,
    removeAllListeners: () => command,
    setMaxListeners: () => command,
    emit: () => false,
    stream: () => {
      throw error
    },
  }
  return command
}
