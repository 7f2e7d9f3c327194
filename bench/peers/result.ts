/** What the benchmark of the peers tells of its rounds: ours beside each of theirs. */
import type { Throughput } from '../load.ts'
import type { Figures } from '../report.ts'
import {
  byLevel,
  type Comparison,
  extremesByLevel,
  forcedOf,
  type Level,
  mediansOf,
  ofEach,
  ratioOf,
  speedOf,
} from '../tournament.ts'
import { peerNames } from './contestants.ts'

const perSecond = (turn: Throughput): number => turn.perSecond
const cpu = (turn: Throughput): number => turn.cpuMicroseconds

/** Who of ours, and by what figure, under what name. */
const ratios = {
  ratios: ['assent', perSecond],
  ratiosExecute: ['assent-execute', perSecond],
  ratiosParticipant: ['assent-participant', perSecond],
  ratiosCpu: ['assent', cpu],
  ratiosCpuExecute: ['assent-execute', cpu],
  ratiosCpuParticipant: ['assent-participant', cpu],
} as const

const ours: readonly string[] = [...new Set(Object.values(ratios).map(([our]) => our))]

export const comparisons: readonly Comparison[] = ours.flatMap((our) =>
  peerNames.map((peer) => [our, peer] as const),
)

/** What `--json` tells of a part: by name, by peer, by the number in flight. */
export function summaryOf(levels: readonly Level[]): Figures {
  return {
    ...ofRatios((compared, figure) =>
      byLevel(levels, (level) => ratioOf(level, compared, figure)?.median),
    ),
    ratioSpread: ofRatios((compared, figure) =>
      extremesByLevel(levels, (level) => ratioOf(level, compared, figure)),
    ),
    perSecond: mediansOf(levels, perSecond),
    perSecondSpread: ofEach(levels, (name) =>
      extremesByLevel(levels, (level) => speedOf(level, name)),
    ),
    cpuMicroseconds: mediansOf(levels, cpu),
    forcedWritesPerTransaction: ofEach(levels, (name) =>
      byLevel(levels, (level) => forcedOf(level, name)),
    ),
  }
}

/** Those of which one or both did not take part are left out. */
function ofRatios(
  told: (compared: Comparison, figure: (turn: Throughput) => number) => Figures,
): Record<string, Figures> {
  const all = Object.entries(ratios).map(([name, [our, figure]]) => {
    const byPeer = peerNames.map((peer) => [peer, told([our, peer], figure)] as const)
    return [name, withoutEmpty(byPeer)] as const
  })
  return withoutEmpty(all)
}

function withoutEmpty(figures: readonly (readonly [string, Figures])[]): Record<string, Figures> {
  return Object.fromEntries(figures.filter(([, each]) => Object.keys(each).length > 0))
}
