/**
 * Examines the resources: all at open, and again, for ever, those that were not ready.
 *
 * Keeps A5 (who can't keep the promise is refused at open) and A10 (a resource that is down at open
 * is no reason not to deliver to the others).
 */
import type { Timer, Timers } from '../core/ports.ts'
import type { DecisionLog } from '../log/contract.ts'
import type { Resource, Resources } from './resources.ts'
import type { Settings } from './settings.ts'

export class Checks {
  readonly #resources: Resources
  readonly #log: DecisionLog
  readonly #settings: Settings
  readonly #timers: Timers
  #timer: Timer | undefined
  #stopped = false

  /** `timers` for checks that nobody waits for. */
  constructor(resources: Resources, log: DecisionLog, settings: Settings, timers: Timers) {
    this.#resources = resources
    this.#log = log
    this.#settings = settings
    this.#timers = timers
  }

  /**
   * Throws the refusal of the first resource that was reached and can't keep the promise. A caller
   * waits for it, so its limits run on `timers` that keep the process alive.
   */
  async first(timers: Timers): Promise<void> {
    const all = [...this.#resources.all()]
    await Promise.all(all.map((resource) => this.#check(resource, timers)))
    const refused = all.find((resource) => resource.status === 'refused')
    if (refused?.refusal !== undefined) throw refused.refusal
  }

  start(): void {
    this.#timer = this.#timers.set(this.#settings.checkIntervalMs, () => {
      void this.#checkAgain()
    })
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
  }

  async #checkAgain(): Promise<void> {
    const waiting = [...this.#resources.all()].filter(isNotReady)
    await Promise.all(waiting.map((resource) => this.#check(resource, this.#timers)))
    if (!this.#stopped) this.start()
  }

  /** One that hangs keeps nobody waiting: it is not ready, and asked again; a late answer counts. */
  #check(resource: Resource, timers: Timers): Promise<void> {
    return new Promise((resolve) => {
      const timer = timers.set(this.#settings.deliveryTimeoutMs, resolve)
      void this.#resources.check(resource, this.#log).then(() => {
        timers.clear(timer)
        resolve()
      })
    })
  }
}

function isNotReady(resource: Resource): boolean {
  return resource.status !== 'ready'
}
