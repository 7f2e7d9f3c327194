/**
 * Assent beside transaction managers for Java: money between two PostgreSQL servers, and two
 * participants that do nothing. The same rounds, servers, audits and forced logs for all.
 */
import { join } from 'node:path'
import { type BenchOptions, levelsOf, type PeerPart, peerParts } from '../command-line.ts'
import { openAssent, openAssentExecute, openAssentParticipant } from '../commit/assent.ts'
import { closeBank, openBank } from '../commit/bank.ts'
import { compete } from '../commit/competition.ts'
import { allSyncs, describeSyncs } from '../commit/durability.ts'
import { openHandWritten } from '../commit/hand-written.ts'
import { withServers } from '../commit/servers.ts'
import { commitIdle, openIdle } from '../coordinator/idle-coordinator.ts'
import { closedLoad } from '../load.ts'
import type { Figures, Report } from '../report.ts'
import { withDirectory } from '../temporary-directory.ts'
import { describeLevel, type Entrant, type Level, playLevel, warmUp } from '../tournament.ts'
import { buildPeers, JavaMissing, locateJava } from './build.ts'
import { type PeerPlace, peerContestant, peerNames, programOf } from './contestants.ts'
import { Peer } from './peer.ts'
import { comparisons, summaryOf } from './result.ts'

const warmUpIdle = { count: 100_000, seconds: 10 } as const

/** Connections of each peer's own pools, and those that the contestants of this process share. */
const poolsAtEachServer = peerNames.length + 1

interface Place extends PeerPlace {
  readonly directory: string
}

export async function benchmarkPeers(options: BenchOptions, report: Report): Promise<Figures> {
  const java = await locateJava().catch(unlessMissing)
  if (java instanceof JavaMissing) {
    report.line(`skipped: ${java.message}`)
    return { skipped: java.message }
  }
  report.progress('building the peers with Maven')
  const jar = await buildPeers(java)
  return await withDirectory(options.logDirectory, async (directory) => {
    const place = { java: java.java, jar, directory }
    const figures: Record<string, Figures> = {}
    for (const part of options.part === undefined ? peerParts : [options.part]) {
      const inFlight = options.inFlight.length > 0 ? options.inFlight : levelsOf(part)
      report.line(titles[part])
      figures[part] = await plays[part]({ ...options, inFlight }, place, report)
    }
    return figures
  })
}

function unlessMissing(error: unknown): JavaMissing {
  if (error instanceof JavaMissing) return error
  throw error
}

const titles: Readonly<Record<PeerPart, string>> = {
  commit: 'money between two PostgreSQL servers:',
  coordinator: 'two participants that do nothing:',
}

type Play = (options: BenchOptions, place: Place, report: Report) => Promise<Figures>

const plays: Readonly<Record<PeerPart, Play>> = { commit: playCommit, coordinator: playIdle }

function playCommit(options: BenchOptions, place: Place, report: Report): Promise<Figures> {
  const connections = Math.max(...options.inFlight)
  const total = connections * poolsAtEachServer
  return withServers('postgres+postgres', total, report, async (urls) => {
    const bank = await openBank({ urls, connections })
    try {
      const competition = {
        directory: join(place.directory, 'commit'),
        options,
        open: [
          openHandWritten,
          openAssent,
          openAssentExecute,
          openAssentParticipant,
          ...peerNames.map((name) => peerContestant(name, place)),
        ],
        comparisons,
      }
      const { levels, syncs } = await compete(bank, competition, report)
      report.line(describeSyncs(syncs))
      return { ...summaryOf(levels), databaseSyncs: allSyncs(syncs), syncs }
    } finally {
      await closeBank(bank)
    }
  })
}

async function playIdle(options: BenchOptions, place: Place, report: Report): Promise<Figures> {
  const directory = join(place.directory, 'coordinator')
  const coordinator = await openIdle(join(directory, 'assent'))
  const peers: Peer[] = []
  try {
    for (const name of peerNames) {
      peers.push(await Peer.start(programOf(name, place, join(directory, name))))
    }
    const assent: Entrant = {
      name: 'assent',
      run: (inFlight, limit) => closedLoad(inFlight, limit, () => commitIdle(coordinator)),
      forcedWrites: () => coordinator.logStatistics().forcedWrites,
    }
    const entrants = [assent, ...peers.map((peer) => peer.entrant('idle'))]
    const most = Math.max(...options.inFlight)
    await warmUp(entrants, { inFlight: most, ...warmUpIdle }, report)
    const levels: Level[] = []
    for (const inFlight of options.inFlight) {
      const level = await playLevel(entrants, inFlight, options, report)
      for (const line of describeLevel(level, comparisons)) report.line(line)
      levels.push(level)
    }
    return summaryOf(levels)
  } finally {
    await Promise.all([coordinator.close(), ...peers.map((peer) => peer.end())])
  }
}
