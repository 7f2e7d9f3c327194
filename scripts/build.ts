/** Builds `dist/` from nothing, so that no output of a removed source is ever packed. */

import { existsSync } from 'node:fs'
import { chmod, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { repository, run } from './command.ts'

await rm(join(repository, 'dist'), { recursive: true, force: true })
const { exitCode, output } = await run({ tool: 'tsc', arguments: ['-b'] }, repository)
process.stderr.write(output)

const program = join(repository, 'dist/cli/main.js')
if (existsSync(program)) await chmod(program, 0o755)
process.exitCode = exitCode ?? 1
