/** Several restarts with the same backlog, and what is told of them. */
import { rounded, summarize } from '../figures.ts'
import { type Figures, type Report, table } from '../report.ts'

/** One restart, from the call that opens the coordinator. */
export interface Restart {
  /** Until every decision was delivered. */
  readonly deliveredSeconds: number
  /** Until what had no decision was rolled back too: nothing is prepared any more. */
  readonly allSeconds: number
  /** Of this process, all its threads. */
  readonly cpuSeconds: number
}

const columns = {
  deliveredSeconds: 'decisions delivered, s',
  allSeconds: 'all released, s',
  cpuSeconds: 'CPU, s',
} as const satisfies Record<keyof Restart, string>

const figures = Object.keys(columns) as (keyof Restart)[]

/** Measures one after the other; each has a number, from 1. */
export async function measureRestarts(
  rounds: number,
  report: Report,
  once: (round: number) => Promise<Restart>,
): Promise<readonly Restart[]> {
  const restarts: Restart[] = []
  for (let round = 1; round <= rounds; round += 1) {
    report.progress(`restart ${round} of ${rounds}`)
    restarts.push(await once(round))
  }
  return restarts
}

/** The first has to load and compile its code meanwhile, as a process that is started again does. */
export function describeRestarts(restarts: readonly Restart[]): string[] {
  const cells = (values: (figure: keyof Restart) => number): string[] =>
    figures.map((figure) => values(figure).toFixed(2))
  const all = figures.map((figure) => summarize(restarts.map((each) => each[figure])))
  return table([
    ['  restart', ...Object.values(columns)],
    ...restarts.map((each, index) => [
      `  ${index + 1}${index === 0 ? ', its code cold' : ''}`,
      ...cells((figure) => each[figure]),
    ]),
    ['  median', ...all.map(({ median }) => median.toFixed(2))],
    [
      '  extremes',
      ...all.map(({ lowest, highest }) => `${lowest.toFixed(2)} to ${highest.toFixed(2)}`),
    ],
  ])
}

/** What `--json` tells: medians, extremes, and each restart in its order. */
export function summaryOf(restarts: readonly Restart[]): Figures {
  const all = figures.map(
    (figure) => [figure, summarize(restarts.map((each) => each[figure]))] as const,
  )
  return {
    rounds: restarts.length,
    ...Object.fromEntries(all.map(([figure, { median }]) => [figure, rounded(median)])),
    spread: Object.fromEntries(
      all.map(([figure, { lowest, highest }]) => [figure, [rounded(lowest), rounded(highest)]]),
    ),
    restarts: restarts.map((each) =>
      Object.fromEntries(figures.map((figure) => [figure, rounded(each[figure])])),
    ),
  }
}
