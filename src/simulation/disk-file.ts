/**
 * A file of the simulated disk: what can be read of it, and what of that is on the medium.
 *
 * The crash model: a write changes what is read at once, and reaches the medium by a sync, sector by
 * sector in any order. A power cut keeps any subset of the sectors that wait. After a failed sync
 * the sectors no longer wait and are still readable, yet some never reached the medium: the next
 * power cut takes them (this is what Linux does, and what A11 defends against).
 */

export const sectorBytes = 512

/** A number in [0, 1), from the one seed. */
export interface Chance {
  fraction(): number
}

const clean = 0
const waiting = 1
/** Readable, not on the medium, and no sync will bring it there. */
const lost = 2

export class SimulatedFile {
  #readable: Uint8Array = new Uint8Array()
  #medium: Uint8Array = new Uint8Array()
  #sectors: Uint8Array = new Uint8Array()

  get sizeBytes(): number {
    return this.#readable.length
  }

  /** What the medium holds: all that a power cut is sure to leave. */
  get durableBytes(): Uint8Array {
    return this.#medium
  }

  read(offset: number, length: number): Uint8Array {
    return this.#readable.slice(offset, offset + length)
  }

  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const end = offset + bytes.length
    if (end > this.#readable.length) this.#grow(end)
    this.#readable.set(bytes, offset)
    this.#sectors.fill(waiting, Math.floor(offset / sectorBytes), Math.ceil(end / sectorBytes))
  }

  /** All that waits reaches the medium. */
  sync(): void {
    if (this.#medium.length < this.#readable.length) this.#growMedium(this.#readable.length)
    this.#settle(() => clean)
  }

  /** Some of what waits reaches the medium; nothing waits any more. */
  failSync(chance: Chance): void {
    const keeps = pickSubset(chance)
    this.#settle((index) => (keeps(index) ? clean : lost))
  }

  /** What is read afterwards is what was on the medium, and any subset of what waited. */
  losePower(chance: Chance): void {
    const keeps = pickSubset(chance)
    const sizeSurvives = chance.fraction() < 0.3
    if (sizeSurvives) this.#growMedium(this.#readable.length)
    this.#settle((index) => (keeps(index) ? clean : lost))
    this.#readable = this.#medium.slice()
    this.#sectors = new Uint8Array(Math.ceil(this.#readable.length / sectorBytes))
  }

  /** Whatever waits either goes to the medium (`clean`) or is lost. */
  #settle(fateOf: (index: number) => number): void {
    this.#sectors.forEach((state, index) => {
      if (state !== waiting) return
      const fate = fateOf(index)
      this.#sectors[index] = fate
      if (fate !== clean) return
      const start = index * sectorBytes
      const sector = this.#readable.subarray(start, start + sectorBytes)
      this.#growMedium(start + sector.length)
      this.#medium.set(sector, start)
    })
  }

  #grow(sizeBytes: number): void {
    const grown = new Uint8Array(sizeBytes)
    grown.set(this.#readable)
    this.#readable = grown
    const sectors = new Uint8Array(Math.ceil(sizeBytes / sectorBytes))
    sectors.set(this.#sectors)
    this.#sectors = sectors
  }

  #growMedium(sizeBytes: number): void {
    if (sizeBytes <= this.#medium.length) return
    const grown = new Uint8Array(sizeBytes)
    grown.set(this.#medium)
    this.#medium = grown
  }
}

/** None, all, the first ones, or any: each is a way in which real disks lose power. */
function pickSubset(chance: Chance): (index: number) => boolean {
  const manner = Math.floor(chance.fraction() * 5)
  if (manner === 0) return () => false
  if (manner === 1) return () => true
  if (manner === 2) {
    let isOpen = true
    return () => {
      isOpen &&= chance.fraction() < 0.8
      return isOpen
    }
  }
  const share = manner === 3 ? 0.5 : 0.85
  return () => chance.fraction() < share
}
