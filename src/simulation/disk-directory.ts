/**
 * A directory of the simulated disk. Creations, renames and removals are seen at once and survive
 * a power cut only after the directory was synced; without it any subset of them does.
 */
import type { Chance, SimulatedFile } from './disk-file.ts'

export type SimulatedEntry = SimulatedFile | SimulatedDirectory

/** One change: `removes` goes, `adds` comes; a rename is both, and never half. */
interface Change {
  readonly removes: string | undefined
  readonly adds: { readonly name: string; readonly entry: SimulatedEntry } | undefined
}

export class SimulatedDirectory {
  #seen = new Map<string, SimulatedEntry>()
  #durable = new Map<string, SimulatedEntry>()
  #waiting: Change[] = []

  get names(): string[] {
    return [...this.#seen.keys()].sort()
  }

  get entries(): ReadonlyMap<string, SimulatedEntry> {
    return this.#seen
  }

  /** The entries that a power cut is sure to leave. */
  get durableEntries(): ReadonlyMap<string, SimulatedEntry> {
    return this.#durable
  }

  get(name: string): SimulatedEntry | undefined {
    return this.#seen.get(name)
  }

  add(name: string, entry: SimulatedEntry): void {
    this.#change({ removes: undefined, adds: { name, entry } })
  }

  remove(name: string): void {
    this.#change({ removes: name, adds: undefined })
  }

  rename(from: string, to: string, entry: SimulatedEntry): void {
    this.#change({ removes: from, adds: { name: to, entry } })
  }

  sync(): void {
    this.#durable = new Map(this.#seen)
    this.#waiting = []
  }

  /** Some changes reach the medium and the rest never will, yet all are still seen. */
  failSync(chance: Chance): void {
    this.#keepSome(chance)
  }

  losePower(chance: Chance): void {
    this.#keepSome(chance)
    this.#seen = new Map(this.#durable)
  }

  #change(change: Change): void {
    apply(this.#seen, change)
    this.#waiting.push(change)
  }

  #keepSome(chance: Chance): void {
    const share = Math.floor(chance.fraction() * 3) / 2
    for (const change of this.#waiting) {
      if (chance.fraction() < share) apply(this.#durable, change)
    }
    this.#waiting = []
  }
}

function apply(entries: Map<string, SimulatedEntry>, { removes, adds }: Change): void {
  if (removes !== undefined) entries.delete(removes)
  if (adds !== undefined) entries.set(adds.name, adds.entry)
}
