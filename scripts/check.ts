/**
 * `npm run check`: every gate over the sources and over the packed package. All of them run, so that
 * one run shows everything; the exit code is 1 when any of them failed.
 */

import { repository, run } from './command.ts'
import { deadCodeGate, type Gate, packageGates, sourceGates } from './gates.ts'
import { withTarball } from './package.ts'

const failed: string[] = []

for (const gate of sourceGates) await pass(gate)

await pass(deadCodeGate)
try {
  await withTarball(async (tarball) => {
    for (const gate of packageGates(tarball)) await pass(gate)
  })
} catch (error) {
  report('pack', error instanceof Error ? error.message : String(error))
}

if (failed.length > 0) {
  say(`\n${failed.length} failed: ${failed.join(', ')}`)
  process.exitCode = 1
}

async function pass(gate: Gate): Promise<void> {
  for (const command of gate.commands) {
    const { exitCode, output } = await run(command, repository)
    if (exitCode !== 0) {
      report(gate.name, output)
      return
    }
  }
  say(`ok       ${gate.name}`)
}

function report(name: string, output: string): void {
  failed.push(name)
  say(`FAILED   ${name}\n${output}`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
