/**
 * Random numbers from one seed: the same numbers on every machine, for ever.
 *
 * The generator is sfc32 (Doty-Humphrey, PractRand), seeded by splitmix32 (Steele, Lea, Flood 2014).
 * Each part of the world draws from a fork of its own, so that one more draw in one part does not
 * change what all others do.
 */
import type { Random } from '../core/ports.ts'

export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, label = '') {
    let state = seed >>> 0
    for (let index = 0; index < label.length; index += 1) {
      state = Math.imul(state ^ label.charCodeAt(index), 0x01000193) >>> 0
    }
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0
      let mixed = state ^ (state >>> 16)
      mixed = Math.imul(mixed, 0x21f0aaad)
      mixed ^= mixed >>> 15
      mixed = Math.imul(mixed, 0x735a2d97)
      return (mixed ^ (mixed >>> 15)) >>> 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    for (let warmUp = 0; warmUp < 12; warmUp += 1) this.word()
  }

  /** 32 random bits, as an unsigned integer. */
  word(): number {
    const result = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + result
    return result >>> 0
  }

  fraction(): number {
    return this.word() / 2 ** 32
  }

  fill(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length; index += 1) bytes[index] = this.word() & 255
  }

  /** A stream of its own, which further draws from this one don't change. */
  fork(label: string): SeededRandom {
    return new SeededRandom(this.word(), label)
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.fraction()
  }

  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1))
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.integer(0, items.length - 1)] as Item
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    const result = [...items]
    for (let index = result.length - 1; index > 0; index -= 1) {
      const other = this.integer(0, index)
      const item = result[index] as Item
      result[index] = result[other] as Item
      result[other] = item
    }
    return result
  }
}
