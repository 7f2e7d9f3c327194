/** What a run of the demo answers: for programs one line of JSON, for people a table. */
import { count, counted, printable, table } from '../text.ts'
import type { Recovered } from './audit.ts'
import { allHeld, type Check, type Evidence, judge, type Money, moneyOf } from './evidence.ts'

const widthMax = 80

export interface DemoResult {
  readonly committed: number
  /** Of those: transfers made by `execute`, not by a callback. */
  readonly byExecute: number
  readonly aborted: number
  readonly coordinatorKills: number
  readonly databaseRestarts: number
  /** Branches that were prepared when a worker was killed, by how they ended. */
  readonly recovered: Recovered
  readonly money: Money
  readonly leftPrepared: number
  /** Whether every check held. */
  readonly held: boolean
  readonly databases: readonly string[]
  readonly log: string
}

export interface Run {
  readonly evidence: Evidence
  readonly recovered: Recovered
  readonly kills: number
  readonly restarts: number
  /** URLs that may be shown. */
  readonly databases: readonly string[]
  readonly log: string
}

export function resultOf(run: Run): DemoResult {
  const { evidence, recovered, kills, restarts, databases, log } = run
  return {
    committed: evidence.committed,
    byExecute: evidence.byExecute,
    aborted: evidence.aborted,
    coordinatorKills: kills,
    databaseRestarts: restarts,
    recovered: { committed: recovered.committed, aborted: recovered.aborted },
    money: moneyOf(evidence),
    leftPrepared: evidence.leftPrepared.count,
    held: allHeld(judge(evidence)),
    databases,
    log,
  }
}

/** The table at the end, for people. */
export function renderRun(run: Run): string {
  const { evidence, recovered, kills, restarts } = run
  const checks = judge(evidence)
  const doubtful = recovered.committed + recovered.aborted
  return [
    'What was done, as the databases have it:',
    ...table(
      [
        ['transfers committed', count(evidence.committed)],
        ['of these by execute', count(evidence.byExecute)],
        ['tried and rolled back', count(evidence.aborted)],
        ['worker killed', counted(kills, 'time')],
        ['database killed and restarted', counted(restarts, 'time')],
        [
          'branches in doubt after a kill',
          `${count(doubtful)}: ${count(recovered.committed)} committed, ` +
            `${count(recovered.aborted)} rolled back`,
        ],
      ],
      '  ',
    ),
    '',
    'What must hold:',
    ...checkLines(checks),
    '',
    allHeld(checks) ? 'Everything held.' : 'NOT EVERYTHING HELD.',
  ].join('\n')
}

/** The checks that failed, a line each. */
export function failuresOf({ evidence }: Run): string[] {
  return judge(evidence)
    .filter(({ held }) => !held)
    .map(({ name, detail }) => `not held: ${name} (${printable(detail)})`)
}

/** What a check found stands beside its name; what failed may be long, and gets lines of its own. */
function checkLines(checks: readonly Check[]): string[] {
  const rows = table(
    checks.map(({ name, held, detail }) =>
      held ? ['ok', name, printable(detail)] : ['FAILED', name],
    ),
    '  ',
  )
  return checks.flatMap(({ held, detail }, index) => {
    const row = rows[index] ?? ''
    return held ? [row] : [row, ...wrapped(printable(detail), ' '.repeat(10))]
  })
}

/** Lines that fit a terminal; a word that does not gets a line of its own. */
function wrapped(text: string, indent: string): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    const longer = line === undefined ? `${indent}${word}` : `${line} ${word}`
    if (line === undefined || longer.length > widthMax) lines.push(`${indent}${word}`)
    else lines[lines.length - 1] = longer
  }
  return lines
}
