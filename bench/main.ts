/**
 * `npm run bench`: how fast, on this machine and against what a good engineer writes by hand.
 *
 * Exit code 0 when it ran, 1 when a contestant broke its promise or a server is missing, 2 for input
 * that can't be used. No exit code depends on a speed.
 */
import { type BenchOptions, parseOptions, UsageError, usage } from './command-line.ts'
import { describeSurroundings, lookAround } from './machine.ts'
import { type Figures, type Report, terminalReport } from './report.ts'

// What must not outlive us (servers, other processes) is ended where this process exits.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

process.exitCode = await main(process.argv.slice(2))

async function main(given: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(given)
    if (options === undefined) {
      process.stdout.write(`${usage}\n`)
      return 0
    }
    const report = terminalReport()
    const surroundings = await lookAround(options)
    for (const line of describeSurroundings(surroundings)) report.line(line)
    const figures = await run(options, report)
    if (options.json) report.line(JSON.stringify({ ...figures, ...surroundings }))
    return 0
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${usage}\n`)
      return 2
    }
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    return 1
  }
}

async function run(options: BenchOptions, report: Report): Promise<Figures> {
  switch (options.benchmark) {
    case 'coordinator':
      return await (await import('./coordinator/benchmark.ts')).benchmarkCoordinator(
        options,
        report,
      )
    case 'commit':
      return await (await import('./commit/benchmark.ts')).benchmarkCommit(options, report)
    case 'peers':
      return await (await import('./peers/benchmark.ts')).benchmarkPeers(options, report)
    case 'recovery':
      return await (await import('./recovery/benchmark.ts')).benchmarkRecovery(options, report)
  }
}
