/**
 * The resources of this coordinator: who they are, whether they are ready, and how a log names them.
 *
 * Keeps A5 (no branch at a resource that was not examined and found able to keep the promise) and
 * A10: a resource that is down is asked again for ever; work for one that is gone stays visible.
 * A decision reaches a resource only by its fingerprint: `COMMIT PREPARED` at the wrong database
 * answers as it would for a branch that is done.
 */
import { AssentError, messageOf } from '../core/errors.ts'
import type { Events } from '../core/ports.ts'
import type { BranchRecord, DecisionLog, RecordOf } from '../log/contract.ts'
import type { Participant, ResourceCheck } from '../participants/contract.ts'
import type { StateChange } from './events.ts'

export type ResourceStatus = 'unchecked' | 'ready' | 'unavailable' | 'refused'

/** One configured resource. */
export class Resource {
  readonly name: string
  readonly participant: Participant
  status: ResourceStatus = 'unchecked'
  fingerprint: string | undefined
  /** Why it is not ready. */
  refusal: AssentError | undefined
  /** Branches that hold, or may hold, one of its prepared slots. */
  prepared = 0
  preparedLimit: number

  constructor(name: string, participant: Participant, preparedLimit: number) {
    this.name = name
    this.participant = participant
    this.preparedLimit = preparedLimit
  }
}

/** What a log remembers of a resource that a branch was at. */
export type RecordedResource = Pick<RecordOf<'resource'>, 'name' | 'fingerprint'>

/** How a log knows the resources: under which numbers, and which of these are durable there. */
interface Registered {
  readonly numbers: Map<string, number>
  /** By number; kept where a decision does not travel behind the records of its resources. */
  readonly undurable: Map<number, RecordOf<'resource'>> | undefined
}

export class Resources {
  readonly #byName = new Map<string, Resource>()
  readonly #events: Events<StateChange>
  readonly #acceptChanged: ReadonlySet<string>
  readonly #registered = new WeakMap<DecisionLog, Registered>()

  constructor(
    participants: ReadonlyMap<string, Participant>,
    options: {
      readonly events: Events<StateChange>
      readonly maxPrepared: number
      readonly acceptChanged: ReadonlySet<string>
    },
  ) {
    this.#events = options.events
    this.#acceptChanged = options.acceptChanged
    // The canonical order, the same in every process: by name, in code units.
    for (const name of [...participants.keys()].sort()) {
      const participant = participants.get(name) as Participant
      this.#byName.set(name, new Resource(name, participant, options.maxPrepared))
    }
  }

  all(): IterableIterator<Resource> {
    return this.#byName.values()
  }

  get(name: string): Resource {
    const resource = this.#byName.get(name)
    if (resource !== undefined) return resource
    const known = [...this.#byName.keys()]
    throw new AssentError(
      'ASSENT_UNKNOWN_RESOURCE',
      `there is no resource ${JSON.stringify(name)}; this coordinator has ${known.join(', ')}`,
      { resource: name, known },
    )
  }

  /** The names in canonical order, each once. */
  inOrder(names: readonly string[]): Resource[] {
    const resources = names.map((name) => this.get(name))
    if (isRising(names)) return resources
    return [...new Set(resources)].sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  /** Examines a resource; afterwards its `status` says what was found. */
  async check(resource: Resource, log: DecisionLog): Promise<void> {
    const found = await checked(resource.participant)
    switch (found.status) {
      case 'unavailable':
        resource.refusal = new AssentError(
          'ASSENT_RESOURCE_UNAVAILABLE',
          `${resource.name} can not be reached: ${messageOf(found.cause)}`,
          { resource: resource.name },
          { cause: found.cause },
        )
        break
      case 'refused':
        resource.refusal = new AssentError(
          'ASSENT_RESOURCE_REFUSED',
          `${resource.name}: ${found.problem}. ${found.cure}`,
          { resource: resource.name, problem: found.problem, cure: found.cure },
        )
        break
      case 'ready':
        resource.fingerprint = found.fingerprint
        resource.preparedLimit = found.preparedLimit ?? resource.preparedLimit
        resource.refusal = this.#changed(resource, found.fingerprint, log)
        break
    }
    const status = resource.refusal === undefined ? 'ready' : statusOf(resource.refusal)
    if (status === resource.status) return
    resource.status = status
    const detail = resource.refusal?.message ?? this.#sharedWith(resource)
    if (!this.#events.enabled) return
    this.#events.publish({ type: 'resource', resource: resource.name, state: status, detail })
  }

  /** The number by which `log` knows a ready resource; registers it on first use. */
  numberIn(log: DecisionLog, resource: Resource): number {
    const number = this.#registered.get(log)?.numbers.get(resource.name)
    return number ?? this.#register(log, resource)
  }

  /** Runs `then` at once where a log knows these resources durably; else when it does, or fails. */
  whenDurable(
    log: DecisionLog,
    branches: readonly BranchRecord[],
    then: (failure: Error | undefined) => void,
  ): void {
    const undurable = this.#registered.get(log)?.undurable
    if (undurable === undefined || undurable.size === 0) return then(undefined)
    const waited = branches.filter(({ resource }) => undurable.has(resource))
    const record = undurable.get(waited[0]?.resource ?? -1)
    if (record === undefined) return then(undefined)
    // The same record again changes nothing, and the others were appended before it.
    log.append(record, (failure) => {
      if (failure === undefined) for (const { resource } of waited) undurable.delete(resource)
      then(failure)
    })
  }

  #register(log: DecisionLog, resource: Resource): number {
    const known = this.#registered.get(log)
    const { numbers, undurable } = known ?? registered(log)
    if (known === undefined) this.#registered.set(log, { numbers, undurable })
    const { name, participant } = resource
    const fingerprint = resource.fingerprint ?? ''
    const records = log.resources()
    const same = records.find((each) => each.name === name && each.fingerprint === fingerprint)
    // A number that was given out may not be durable yet: the log does not show it then.
    const taken = [...records.map((each) => each.number), ...numbers.values()]
    const number = same?.number ?? 1 + Math.max(-1, ...taken)
    // Lazy is enough: it precedes, in the same log, any decision that refers to it.
    if (same === undefined) {
      const record = {
        type: 'resource',
        number,
        name,
        kind: participant.kind,
        fingerprint,
      } as const
      log.append(record)
      undurable?.set(number, record)
    }
    numbers.set(name, number)
    return number
  }

  /** The configured resource that a recorded one is now, or the reason why there is none. */
  reach(recorded: RecordedResource): Resource | { readonly missing: string } {
    const named = this.#byName.get(recorded.name)
    if (named?.fingerprint === recorded.fingerprint) return named
    let unchecked = false
    for (const resource of this.#byName.values()) {
      if (resource.fingerprint === recorded.fingerprint) return resource
      if (resource.fingerprint === undefined) unchecked = true
    }
    if (named === undefined && !unchecked) {
      return { missing: `no resource ${recorded.name} is configured any more` }
    }
    if (named?.fingerprint === undefined) {
      return { missing: `${recorded.name} was not reached yet: ${messageOf(named?.refusal ?? '')}` }
    }
    return { missing: `${recorded.name} now reaches another database than the branch is in` }
  }

  /** The other names of the same database, in words; empty when there are none. */
  #sharedWith(resource: Resource): string {
    const others = [...this.#byName.values()].filter(
      (each) => each !== resource && each.fingerprint === resource.fingerprint,
    )
    if (others.length === 0) return ''
    return `the same database as ${others.map((each) => each.name).join(', ')}`
  }

  #changed(resource: Resource, found: string, log: DecisionLog): AssentError | undefined {
    if (this.#acceptChanged.has(resource.name)) return undefined
    const records = log.resources().filter((each) => each.name === resource.name)
    const expected = records.at(-1)?.fingerprint
    if (expected === undefined || records.some((each) => each.fingerprint === found)) {
      return undefined
    }
    return new AssentError(
      'ASSENT_RESOURCE_CHANGED',
      `${resource.name} was ${expected} and now is ${found}: point it back until its work is ` +
        'delivered, give the new database a new name, or name it in acceptChanged',
      { resource: resource.name, expected, found },
    )
  }
}

function registered({ carried }: DecisionLog): Registered {
  return { numbers: new Map(), undurable: carried && new Map() }
}

/** The common case: in canonical order as written. */
function isRising(names: readonly string[]): boolean {
  for (let index = 1; index < names.length; index += 1) {
    if ((names[index - 1] as string) >= (names[index] as string)) return false
  }
  return true
}

async function checked(participant: Participant): Promise<ResourceCheck> {
  try {
    return await participant.check()
  } catch (cause) {
    return { status: 'unavailable', cause } // against its contract, and no reason to go down
  }
}

function statusOf(refusal: AssentError): 'unavailable' | 'refused' {
  return refusal.code === 'ASSENT_RESOURCE_UNAVAILABLE' ? 'unavailable' : 'refused'
}
