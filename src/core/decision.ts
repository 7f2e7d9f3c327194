/** The words for how transactions and branches end, shared by every layer. */

/** Made once, never changed (A2). */
export type Decision = 'committed' | 'aborted'

/** How a branch ended against, or without, the decision. */
export type HeuristicKind = 'committed' | 'rolled-back' | 'hazard'

/** What a caller may ask for later. */
export type Outcome =
  | 'active'
  | 'committed'
  | 'aborted'
  /** Some branch ended against the decision. */
  | 'mixed'
  /** Nobody can tell how some branch ended. */
  | 'hazard'
  /** Held, in doubt, older than what is retained, or of a log that is not owned here. */
  | 'unknown'
