/** Runs the program `assent`: as a user does, in a process of its own, or in this one. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'

import { repository } from '../../scripts/command.ts'
import { runProgram } from '../../src/cli/program.ts'

export interface Answer {
  readonly exitCode: number | string | null
  readonly out: string
  readonly err: string
}

const program = join(repository, 'src/cli/main.ts')
const outputBytesMax = 16 * 1024 * 1024

export function assent(...args: readonly string[]): Promise<Answer> {
  return assentIn(repository, ...args)
}

/** The same in a working directory. */
export function assentIn(folder: string, ...args: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    const given = [program, ...args]
    const options = { cwd: folder, maxBuffer: outputBytesMax }
    const child = execFile(process.execPath, given, options, (_, out, err) => {
      resolve({ exitCode: child.exitCode, out, err })
    })
  })
}

/** In this process: a tenth of the time, for what does not turn on processes. */
export async function assentHere(...args: readonly string[]): Promise<Answer> {
  let [out, err] = ['', '']
  const exitCode = await runProgram(args, {
    out: {
      write: (text) => {
        out += text
      },
    },
    err: {
      write: (text) => {
        err += text
      },
    },
  })
  return { exitCode, out, err }
}

/** The JSON that a command answered on its last line. */
export function jsonOf({ out, err }: Answer): Json {
  const line = out.trimEnd().split('\n').at(-1) ?? ''
  if (line === '') throw new Error(`no JSON on stdout; stderr: ${err}`)
  return JSON.parse(line)
}

/** What a test knows of an answer: it asserts the rest. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests assert
type Json = any
