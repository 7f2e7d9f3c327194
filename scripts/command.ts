/** Starts the tools of the repository, always on the Node that runs this script. */

import { spawn } from 'node:child_process'
import { delimiter, dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Command {
  readonly tool: string
  readonly arguments: readonly string[]
  /** Variables besides those of this process. */
  readonly environment?: Readonly<Record<string, string>>
}

export interface CommandResult {
  /** Null where the process was killed. */
  readonly exitCode: number | null
  /** Both output streams, as they came. */
  readonly output: string
}

/** The root of the repository, whatever the working directory is. */
export const repository: string = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Runs a command in `folder` and collects what it says. */
export function run(command: Command, folder: string): Promise<CommandResult> {
  return new Promise((settle, fail) => {
    const child = spawn(command.tool, command.arguments, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment(), ...command.environment },
    })
    const chunks: string[] = []
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk))
    }
    child.on('error', fail)
    child.on('close', (exitCode) => settle({ exitCode, output: chunks.join('') }))
  })
}

/** Runs a command and throws with its output unless it ends with 0. */
export async function runOrThrow(command: Command, folder: string): Promise<string> {
  const { exitCode, output } = await run(command, folder)
  if (exitCode === 0) return output
  const line = [command.tool, ...command.arguments].join(' ')
  throw new Error(`\`${line}\` ended with ${exitCode}:\n${output}`)
}

/** Finds the repository's own tools first, and this Node before the machine's. */
function environment(): NodeJS.ProcessEnv {
  const path = [
    dirname(process.execPath),
    resolve(repository, 'node_modules/.bin'),
    process.env.PATH ?? '',
  ].join(delimiter)
  // Nested test runners refuse to start under this variable; colours would hide words from a search.
  const { NODE_TEST_CONTEXT: _, FORCE_COLOR: __, ...rest } = process.env
  return { ...rest, NO_COLOR: '1', PATH: path }
}
