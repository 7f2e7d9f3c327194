/** Opens a coordinator over Node: the ports, the file log, and the face. */
import { resolve } from 'node:path'
import {
  type Coordinator,
  type CoordinatorOptions,
  createCoordinator,
} from '../coordinator/coordinator.ts'
import type { ResourceMap } from '../coordinator/options.ts'
import type { Scope } from '../coordinator/scope.ts'
import { defaultSettings } from '../coordinator/settings.ts'
import { AssentError, messageOf } from '../core/errors.ts'
import { isInstallationName } from '../core/ids.ts'
import { openFileLogs, retentionDefault, slotsDefault } from '../log/file/open.ts'
import { nodeClock } from './clock.ts'
import { asyncContext } from './context.ts'
import { type Controlled, type ControlSocket, openControlSocket } from './control-socket.ts'
import { nodeDisk } from './disk.ts'
import { diagnosticsEvents } from './events.ts'
import { surveyLog } from './log-survey.ts'
import { nodeRandom } from './random.ts'
import { requireNode } from './runtime.ts'
import { stopProcess } from './stop-process.ts'
import { backgroundTimers, nodeTimers } from './timers.ts'

export interface OpenCoordinatorOptions<Resources extends ResourceMap = ResourceMap>
  extends CoordinatorOptions<Resources> {
  /** What this installation is called: `[a-z0-9-]`, at most 20 characters. Part of every id. */
  readonly name: string
  /** The directory of the decision log; made when missing. Processes may share it. */
  readonly log: string
  /** How many processes may share the log directory; default 64. */
  readonly slots?: number
  /** How long, and in how many bytes, outcomes are kept; default 24 hours and 64 MiB. */
  readonly retention?: { readonly ms?: number; readonly bytes?: number }
  /** Whether the program `assent` can ask this process, through a socket of the log; default true. */
  readonly controlSocket?: boolean
}

const known: ReadonlySet<string> = new Set([
  ...['name', 'log', 'slots', 'retention', 'controlSocket', 'resources', 'acceptChanged', 'doctor'],
  ...Object.keys(defaultSettings),
])

/**
 * Opens a transaction manager over named resources; see `Coordinator`. Close it when done.
 *
 * @example
 * const coordinator = await openCoordinator({
 *   name: 'shop',
 *   log: './transactions',
 *   resources: { orders: postgres(ordersPool), stock: postgres(stockPool) },
 * })
 *
 * @throws `ASSENT_UNSUPPORTED_NODE`, `ASSENT_INVALID_OPTION`; `ASSENT_LOG_BUSY`, `ASSENT_LOG_CORRUPT`,
 * `ASSENT_LOG_INCOMPATIBLE` or `ASSENT_LOG_FAILED`; `ASSENT_RESOURCE_REFUSED` or
 * `ASSENT_RESOURCE_CHANGED`. A resource that can't be reached is no failure: it is asked again.
 */
export async function openCoordinator<const Resources extends ResourceMap>(
  options: OpenCoordinatorOptions<Resources>,
): Promise<Coordinator<Resources>> {
  requireNode()
  const { name, log, slots, retention } = options
  for (const option of Object.keys(options)) {
    if (!known.has(option)) throw invalid(option, 'is no option of openCoordinator')
  }
  if (typeof name !== 'string' || !isInstallationName(name)) {
    throw invalid('name', `must be 1 to 20 of a-z, 0-9 and -, not ${JSON.stringify(name)}`)
  }
  if (typeof log !== 'string' || log === '') {
    throw invalid('log', 'must be the path of a directory that lasts, such as ./transactions')
  }
  // The log stays where it was: a later `process.chdir` does not move it.
  const directory = resolve(log)
  const clock = nodeClock()
  const timers = nodeTimers()
  const random = nodeRandom()
  const logs = openFileLogs({
    disk: nodeDisk(),
    timers: backgroundTimers(),
    clock,
    random,
    directory: log,
    installation: name,
    ...(slots === undefined ? {} : { slots }),
    ...(retention === undefined ? {} : { retention }),
  })
  const ports = {
    clock,
    timers,
    backgroundTimers: backgroundTimers(),
    random,
    context: asyncContext<Scope>(),
    signals: makeSignal,
    events: diagnosticsEvents(),
    logs,
    place: {
      survey: (own: readonly string[]) => surveyLog(directory, own),
      slots: slots ?? slotsDefault,
      retentionBytes: retention?.bytes ?? retentionDefault.bytes,
    },
    onBroken: stopProcess,
    beforeRelease: async () => control?.close(),
  }
  let control: ControlSocket | undefined
  const coordinator = await createCoordinator(ports, options)
  if (options.controlSocket !== false) control = await tryControlSocket(coordinator)
  return coordinator
}

/** Operators can do without it, and the application must run where nothing may listen. */
async function tryControlSocket(coordinator: Controlled): Promise<ControlSocket | undefined> {
  try {
    return await openControlSocket(coordinator)
  } catch (cause) {
    process.emitWarning(`no control socket for \`assent\`: ${messageOf(cause)}`, {
      code: 'ASSENT_CONTROL_SOCKET',
      detail: 'openCoordinator({ controlSocket: false }) does without.',
    })
    return undefined
  }
}

function makeSignal(): { readonly signal: AbortSignal; abort(reason: unknown): void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) }
}

function invalid(option: string, problem: string): AssentError {
  return new AssentError('ASSENT_INVALID_OPTION', `${option} ${problem}`, { option })
}
