/** How bad the network is. All times are milliseconds, all chances are for one message. */
export interface NetworkConditions {
  readonly latencyMs: readonly [low: number, high: number]
  /** Some messages take much longer, and so are overtaken by others. */
  readonly slowChance: number
  readonly slowMs: readonly [low: number, high: number]
  /** A message that no connection carries is lost without a word. */
  readonly lossChance: number
  readonly duplicateChance: number
  /** A connection breaks while it carries a message. */
  readonly breakChance: number
}

export const calmNetwork: NetworkConditions = {
  latencyMs: [0.2, 2],
  slowChance: 0,
  slowMs: [0, 0],
  lossChance: 0,
  duplicateChance: 0,
  breakChance: 0,
}

/** No message is under way for longer than this, whatever the conditions were. */
export const messageLifeMaxMs = 3_000
