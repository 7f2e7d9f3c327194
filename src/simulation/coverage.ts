/** How often what happened: a run in which something never occurred has not tested it. */
export class Coverage {
  readonly #counts = new Map<string, number>()

  readonly count = (what: string, times = 1): void => {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + times)
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }
}

/** What a run over all profiles is expected to meet. */
export const expectedOccurrences: readonly string[] = [
  'transaction committed',
  'transaction aborted',
  'transaction held',
  'transaction in-doubt',
  'transaction unknown',
  'told committed',
  'told none',
  'told unknown',
  'told mixed',
  'vote yes',
  'vote no',
  'vote read-only',
  'vote unknown',
  'heuristic committed',
  'heuristic rolled-back',
  'orphan sighted',
  'orphan finished',
  'log adopted',
  'log failed',
  'log closed clean',
  'log closed with work left',
  'torn tail',
  'message lost',
  'message doubled',
  'connection broken',
  'partition',
  'process crash',
  'process hang',
  'process closed',
  'power loss',
  'resource crash',
  'resource hang',
  'disk failure',
  'disk full',
  'branch ended by hand',
  'operator resolved held',
  'operator vouched',
  'operator forgot',
  'operator settled stranger',
  'evidence asked',
  'carried decision committed',
  'carried decision aborted',
  'carried decision unknown',
  'carrier unanswered, and committed',
  'carrier unanswered, not committed',
  'insert meets a presumed row',
  'insert of an epoch that is over',
  'presumption inserts aborted',
  'presumption finds committed',
  'presumption waits for an insert',
  'presumption of an epoch that is over',
  'presumed row removed',
  'row removed when settled',
  'lock session ended',
  'lock session lost during a write',
  'lock session regained',
]
