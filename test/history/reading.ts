/** What a log directory says, as plain data to compare with what its version said when it wrote it. */
import { readFileLogs } from '../../src/log/file/read.ts'
import { nodeDisk } from '../../src/node/disk.ts'

export async function plainReading(directory: string): Promise<unknown> {
  const reading = await readFileLogs(nodeDisk(), directory)
  const slots = reading?.slots.map(({ slot, problem, log }) => ({
    slot,
    problem: problem?.message,
    identity: log?.identity,
    epoch: log?.epoch,
    closed: log?.closed,
    retainedOutcomes: log?.retainedOutcomes,
    resources: log?.resources,
    acts: log?.acts,
    unfinished: log?.unfinished.map((each) => ({
      transaction: each.transaction,
      intent: each.intent,
      decided: each.decided,
      settled: each.settled,
      heuristics: each.heuristics,
      resolved: each.resolved,
      forgotten: each.forgotten,
    })),
    outcomes: probes().map(([epoch, counter]) => [
      epoch,
      counter,
      log?.outcome({ epoch, counter }),
    ]),
  }))
  // Through JSON, so that undefined and absent are the same, as in the file.
  return JSON.parse(JSON.stringify({ installation: reading?.installation, slots }))
}

function probes(): [number, number][] {
  const counters = [1, 2, 3, 4, 5, 6, 7, 8, 4999, 5000, 5001, 9001, 10_000, 69_999, 70_000, 70_001]
  return [0, 1, 2, 3].flatMap((epoch) => counters.map((counter): [number, number] => [epoch, counter]))
}
