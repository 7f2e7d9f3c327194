/** What `openCoordinator` does, over another disk: real ports, small segments. */
import { type CoordinatorOptions, createCoordinator } from '../../../src/coordinator/coordinator.ts'
import type { ResourceMap } from '../../../src/coordinator/options.ts'
import type { Scope } from '../../../src/coordinator/scope.ts'
import type { Disk } from '../../../src/core/ports.ts'
import type { Coordinator } from '../../../src/index.ts'
import { openFileLogs } from '../../../src/log/file/open.ts'
import { nodeClock } from '../../../src/node/clock.ts'
import { asyncContext } from '../../../src/node/context.ts'
import { diagnosticsEvents } from '../../../src/node/events.ts'
import { nodeRandom } from '../../../src/node/random.ts'
import { stopProcess } from '../../../src/node/stop-process.ts'
import { backgroundTimers, nodeTimers } from '../../../src/node/timers.ts'

export interface WatchedOptions<Resources extends ResourceMap>
  extends CoordinatorOptions<Resources> {
  readonly name: string
  readonly log: string
  readonly segmentBytes: number
}

export function openOnWatchedDisk<Resources extends ResourceMap>(
  disk: Disk,
  options: WatchedOptions<Resources>,
): Promise<Coordinator<Resources>> {
  const { name, log, segmentBytes } = options
  const clock = nodeClock()
  const timers = nodeTimers()
  const random = nodeRandom()
  const logs = openFileLogs({
    disk,
    timers,
    clock,
    random,
    directory: log,
    installation: name,
    segmentBytes,
  })
  const signals = (): { readonly signal: AbortSignal; abort(reason: unknown): void } => {
    const controller = new AbortController()
    return { signal: controller.signal, abort: (reason) => controller.abort(reason) }
  }
  const ports = {
    clock,
    timers,
    backgroundTimers: backgroundTimers(),
    random,
    context: asyncContext<Scope>(),
    signals,
    events: diagnosticsEvents(),
    logs,
    onBroken: stopProcess,
  }
  return createCoordinator(ports, options)
}
