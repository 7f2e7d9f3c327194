/** What a run has left behind, and whether it is what it must be. Pure, so that it can be tested. */

import { count } from '../text.ts'

/** One side of the bank, as its database has it. */
export interface SideEvidence {
  readonly side: string
  /** Sums over all accounts. */
  readonly before: number
  readonly after: number
  /** The sum of what the journal says was changed. */
  readonly journal: number
}

export interface Evidence {
  readonly sides: readonly SideEvidence[]
  /** Transfers that are in every journal where they belong. */
  readonly committed: number
  /** Those of them that were made by `execute`. */
  readonly byExecute: number
  /** Transfers that were tried and are in no journal. */
  readonly aborted: number
  /** Transfers of which a part is missing, or is not as the other says; some of them in words. */
  readonly torn: Findings
  /** Prepared branches of the run that are still there. */
  readonly leftPrepared: Findings
  /** Transactions about which the log says otherwise than the data. */
  readonly contradicted: Findings
  /** Transactions that the log has as unfinished. */
  readonly unfinished: Findings
  /** What the worker reported that must not happen. */
  readonly problems: readonly string[]
}

/** How many there are, and the first few. */
export interface Findings {
  readonly count: number
  readonly examples: readonly string[]
}

export const noFindings: Findings = { count: 0, examples: [] }

export interface Check {
  readonly name: string
  readonly held: boolean
  /** What was found, in a line. */
  readonly detail: string
}

export interface Money {
  readonly before: number
  readonly after: number
}

const examplesMax = 3

export function withFinding(findings: Findings, example: string): Findings {
  const examples =
    findings.examples.length < examplesMax ? [...findings.examples, example] : findings.examples
  return { count: findings.count + 1, examples }
}

export function moneyOf({ sides }: Evidence): Money {
  return {
    before: sides.reduce((sum, { before }) => sum + before, 0),
    after: sides.reduce((sum, { after }) => sum + after, 0),
  }
}

/** Every invariant of a run, each with what was found; what held, in words for a narrow terminal. */
export function judge(evidence: Evidence): readonly Check[] {
  const { before, after } = moneyOf(evidence)
  const { sides, committed, torn, leftPrepared, contradicted, unfinished, problems } = evidence
  const unbalanced = sides.filter((side) => side.after !== side.before + side.journal)
  return [
    {
      name: 'transfers were made',
      held: committed > 0,
      detail: committed > 0 ? `${count(committed)} committed` : 'none, so nothing is proved',
    },
    {
      name: 'no money was made or lost',
      held: before === after && before > 0,
      detail:
        before === after
          ? `${count(after)}, as it was`
          : `${count(before)} before, ${count(after)} after`,
    },
    {
      name: 'each transfer is everywhere or nowhere',
      held: torn.count === 0,
      detail: described(torn, 'torn'),
    },
    {
      name: 'each database has what its journal says',
      held: unbalanced.length === 0 && sides.length === 2,
      detail:
        unbalanced.length === 0
          ? 'balances and journals agree'
          : unbalanced
              .map((each) => `${each.side}: ${each.after}, not ${each.before + each.journal}`)
              .join('; '),
    },
    {
      name: 'no branch is left prepared',
      held: leftPrepared.count === 0,
      detail: described(leftPrepared, 'left'),
    },
    {
      name: 'the decision log agrees with the data',
      held: contradicted.count === 0 && unfinished.count === 0,
      detail:
        contradicted.count + unfinished.count === 0
          ? 'agrees, and all is finished'
          : `${described(contradicted, 'contradicted')}, ${described(unfinished, 'unfinished')}`,
    },
    {
      name: 'kills explain whatever the worker met',
      held: problems.length === 0,
      detail:
        problems.length === 0 ? 'nothing reported' : problems.slice(0, examplesMax).join('; '),
    },
  ]
}

export function allHeld(checks: readonly Check[]): boolean {
  return checks.length > 0 && checks.every(({ held }) => held)
}

function described({ count, examples }: Findings, what: string): string {
  return count === 0 ? `none ${what}` : `${count} ${what}: ${examples.join('; ')}`
}
