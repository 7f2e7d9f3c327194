/** Watches for the moment at which a worker is to die, and makes it die there, once. */
import { subscribe } from 'node:diagnostics_channel'

import type { StateChange } from '../../../src/index.ts'
import type { Diary } from './diary.ts'
import type { Crash, Trigger } from './settings.ts'

export class CrashWatch {
  readonly #crash: Crash | undefined
  readonly #diary: Diary
  #armed: boolean
  /** The transaction that is watched; undefined: any. */
  #subject: string | undefined
  #seen = 0

  constructor(crash: Crash | undefined, diary: Diary) {
    this.#crash = crash
    this.#diary = diary
    this.#armed = crash?.armed === 'at open'
    this.#subscribe()
  }

  /** The crash point is armed for one transaction from here on. */
  arm(subject: string): void {
    if (this.#crash?.armed !== 'for the subject') return
    this.#subject = subject
    this.#armed = true
  }

  /** Tells of a moment, and how the connection can be cut that it was seen on. */
  at(moment: Trigger, id?: string, cut?: () => void): void {
    if (!this.#armed || this.#crash === undefined) return
    const { trigger, signal } = this.#crash
    const isOther = this.#subject !== undefined && id !== undefined && id !== this.#subject
    if (isOther || !matches(trigger, moment)) return
    this.#seen += 1
    if (this.#seen !== ('nth' in trigger ? (trigger.nth ?? 1) : 1)) return
    this.#armed = false
    this.#diary.note({ type: 'reached', detail: JSON.stringify(moment), id })
    if ('isCut' in trigger) cut?.()
    process.kill(process.pid, signal)
  }

  #subscribe(): void {
    const trigger = this.#crash?.trigger
    if (trigger?.on !== 'event') return
    subscribe(`assent:${trigger.channel}`, (message) => {
      const change = message as StateChange
      const { channel } = trigger
      const state = change.type === 'operator' ? change.act : stateOf(change)
      this.at({ on: 'event', channel, state }, 'id' in change ? change.id : undefined)
    })
  }
}

function stateOf(change: Exclude<StateChange, { type: 'operator' }>): string {
  return change.type === 'heuristic' ? change.kind : change.state
}

function matches(trigger: Trigger, moment: Trigger): boolean {
  if (trigger.on !== moment.on) return false
  switch (trigger.on) {
    case 'event': {
      const { channel, state } = moment as typeof trigger
      return trigger.channel === channel && trigger.state === state
    }
    case 'sent':
      return trigger.statement === (moment as typeof trigger).statement
    case 'disk': {
      const { operation, moment: when, path = '' } = moment as typeof trigger
      const isThere = path.includes(trigger.path ?? '')
      return trigger.operation === operation && trigger.moment === when && isThere
    }
    case 'work':
      return trigger.step === (moment as typeof trigger).step
    case 'told':
      return true
  }
}
