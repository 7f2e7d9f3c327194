/**
 * A broken invariant is not an error to handle: going on could break atomicity, so the process
 * must stop with the evidence. `openCoordinator` gives the engine an `onBroken` that does so.
 */
export class BrokenInvariant extends Error {
  override readonly name = 'BrokenInvariant'
  /** Which rule was broken: `A1` to `A11`, or a word for an internal one. */
  readonly rule: string
  readonly evidence: unknown

  constructor(rule: string, message: string, evidence?: unknown) {
    super(`${rule}: ${message}`)
    this.rule = rule
    this.evidence = evidence
  }
}

/** Throws `BrokenInvariant` unless `condition` holds. `evidence` is what a reader will need. */
export function invariant(
  condition: unknown,
  rule: string,
  message: string,
  evidence?: unknown,
): asserts condition {
  if (!condition) throw new BrokenInvariant(rule, message, evidence)
}

/** The end of a `switch` over a union: reached only by a value that the types forbid. */
export function unreachable(value: never): never {
  throw new BrokenInvariant('types', 'a value outside its type', value)
}
