/**
 * An installation under test: its time, its logs and the processes that it runs. The coordinator in
 * each process is the production code over these ports.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'

import {
  type Coordinator,
  type CoordinatorOptions,
  type CoordinatorPorts,
  createCoordinator,
} from '../../../src/coordinator/coordinator.ts'
import type { StateChange } from '../../../src/coordinator/events.ts'
import type { ResourceMap } from '../../../src/coordinator/options.ts'
import type { Scope } from '../../../src/coordinator/scope.ts'
import type { BrokenInvariant } from '../../../src/core/invariant.ts'
import { asyncContext } from '../../../src/node/context.ts'
import { ManualTime, promisesSettled } from './manual-time.ts'
import { type MemoryLog, MemoryLogs } from './memory-log.ts'

export class Installation {
  readonly time = new ManualTime()
  readonly logs: MemoryLogs
  /** What the ports answer for a random fraction. */
  fraction = 0
  /** Invariants that broke; a test that expects one empties this. */
  readonly broken: BrokenInvariant[] = []

  constructor(context: TestContext, name = 'shop') {
    this.logs = new MemoryLogs(name)
    context.after(() => assert.deepEqual(this.broken, [], 'a broken invariant'))
  }

  /** Starts a process with a coordinator over these resources. */
  async start<const Resources extends ResourceMap>(
    resources: Resources,
    options: Omit<CoordinatorOptions<Resources>, 'resources'> = {},
  ): Promise<Process<Resources>> {
    return this.startAs(new Life(), resources, options)
  }

  /** The same for a life that the caller has made, to hear and see it from its first moment. */
  async startAs<const Resources extends ResourceMap>(
    life: Life,
    resources: Resources,
    options: Omit<CoordinatorOptions<Resources>, 'resources'> = {},
  ): Promise<Process<Resources>> {
    const coordinator = await createCoordinator<Resources>(this.portsOf(life), {
      ...options,
      resources,
    } as CoordinatorOptions<Resources>)
    await promisesSettled()
    return new Process(coordinator, life)
  }

  portsOf(life: Life): CoordinatorPorts {
    const timers = this.time.timersOf(life)
    return {
      clock: this.time,
      timers,
      backgroundTimers: timers,
      random: { fraction: () => this.fraction, fill: (bytes) => void bytes.fill(7) },
      context: asyncContext<Scope>(),
      signals: () => {
        const controller = new AbortController()
        return { signal: controller.signal, abort: (reason) => controller.abort(reason) }
      },
      events: life.events,
      logs: {
        identities: () => this.logs.identities(),
        open: async () => life.holds(await this.logs.open()),
        adopt: async () => {
          const log = await this.logs.adopt()
          return log === undefined ? undefined : life.holds(log)
        },
      },
      onBroken: (broken) => void this.broken.push(broken),
    }
  }
}

/** Whether a process lives, the logs that it holds, and what it published. */
export class Life {
  isDead = false
  /** Its own, then those that it adopted. */
  readonly logs: MemoryLog[] = []
  readonly published: StateChange[] = []
  readonly events: CoordinatorPorts['events'] & { enabled: boolean } = {
    enabled: true,
    publish: (change) => {
      this.published.push(change)
      this.onPublish?.(change)
    },
  }
  onPublish: ((change: StateChange) => void) | undefined

  holds(log: MemoryLog): MemoryLog {
    this.logs.push(log)
    return log
  }
}

export class Process<Resources extends ResourceMap = ResourceMap> {
  readonly coordinator: Coordinator<Resources>
  readonly life: Life

  constructor(coordinator: Coordinator<Resources>, life: Life) {
    this.coordinator = coordinator
    this.life = life
  }

  /** Its own log. */
  get log(): MemoryLog {
    const [own] = this.life.logs
    assert.ok(own !== undefined, 'the process never opened a log')
    return own
  }

  /** What it published of one type, oldest first. */
  events<Type extends StateChange['type']>(type: Type): Extract<StateChange, { type: Type }>[] {
    return this.life.published.filter(
      (change): change is Extract<StateChange, { type: Type }> => change.type === type,
    )
  }

  /** Kills the process: its timers fall silent, and what its logs had not made durable is gone. */
  crash(): void {
    this.life.isDead = true
    for (const log of this.life.logs) log.die()
  }
}
