/** Money between two servers, at several numbers of transactions in flight, for each pair of products. */
import type { BenchOptions } from '../command-line.ts'
import type { Figures, Report } from '../report.ts'
import { withDirectory } from '../temporary-directory.ts'
import { openAssent, openAssentExecute, openAssentParticipant } from './assent.ts'
import { type Bank, closeBank, openBank } from './bank.ts'
import { type Competition, compete, openLoadLanesMin } from './competition.ts'
import type { OpenContestant } from './contestant.ts'
import { allSyncs, describeSyncs } from './durability.ts'
import { openHandWritten, openHandWrittenLogged, openHandWrittenNamed } from './hand-written.ts'
import { missingFor, type Pair, pairs } from './pairs.ts'
import { compared, describeLatency, summaryOf } from './result.ts'
import { withServers } from './servers.ts'
import { openUnprotected } from './unprotected.ts'

const everywhere: readonly OpenContestant[] = [
  openUnprotected,
  openHandWritten,
  openHandWrittenLogged,
  openAssent,
  openAssentExecute,
  openAssentParticipant, // its decisions are in the left database, PostgreSQL's in each pair
]

/** At MariaDB nobody keeps statements. */
export const contestants: Readonly<Record<Pair, readonly OpenContestant[]>> = {
  'postgres+postgres': [...everywhere, openHandWrittenNamed],
  'postgres+mariadb': everywhere,
}

const inOpenLoad: readonly string[] = [
  ...['hand-written', 'hand-written-logged', 'assent', 'assent-execute', 'assent-participant'],
]

/** The figures of two PostgreSQL servers, and those of each other pair under its name. */
export async function benchmarkCommit(options: BenchOptions, report: Report): Promise<Figures> {
  let figures: Figures = {}
  for (const pair of options.pair === undefined ? pairs : [options.pair]) {
    const missing = await missingFor(pair)
    if (missing !== undefined) report.line(`${pair} is skipped: ${missing}`)
    else report.line(`${pair}:`)
    const ofPair =
      missing === undefined ? await benchmarkPair(pair, options, report) : { skipped: missing }
    figures =
      pair === 'postgres+postgres' ? { ...figures, ...ofPair } : { ...figures, [pair]: ofPair }
  }
  return figures
}

function benchmarkPair(pair: Pair, options: BenchOptions, report: Report): Promise<Figures> {
  const connections = Math.max(openLoadLanesMin, ...options.inFlight)
  return withServers(pair, connections, report, (urls) =>
    withDirectory(options.logDirectory, async (directory) => {
      const bank = await openBank({ urls, connections })
      try {
        return await playAll(bank, { directory, options, open: contestants[pair] }, report)
      } finally {
        await closeBank(bank)
      }
    }),
  )
}

/** All contestants over a bank; answers what `--json` tells of it. */
export async function playAll(
  bank: Bank,
  { directory, options, open }: Pick<Competition, 'directory' | 'options' | 'open'>,
  report: Report,
): Promise<Figures> {
  const { levels, latencies, syncs } = await compete(
    bank,
    { directory, options, open, comparisons: compared, inOpenLoad },
    report,
  )
  for (const line of describeLatency(latencies)) report.line(line)
  report.line(describeSyncs(syncs))
  return { ...summaryOf(levels, latencies), databaseSyncs: allSyncs(syncs), syncs }
}
