/** A demo that runs beside a test, which waits for what it says and interrupts it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { repository } from '../../../scripts/command.ts'
import type { Answer } from '../run-assent.ts'

export interface RunningDemo {
  readonly ended: Promise<Answer>
  /** Resolves when its progress says this. */
  says(what: RegExp): Promise<void>
  interrupt(): void
}

export function startDemo(
  environment: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): RunningDemo {
  const program = join(repository, 'src/cli/main.ts')
  const child = spawn(
    process.execPath,
    [program, 'demo', '--seconds', '60', '--kill-every', '1', '--json', ...options],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } },
  )
  let [out, err] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString()
  })
  child.stderr.on('data', (bytes: Buffer) => {
    err += bytes.toString()
  })
  const ended = once(child, 'close').then(() => ({ exitCode: child.exitCode, out, err }))
  return {
    ended,
    says: (what) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (what.test(err)) resolve()
        }
        child.stderr.on('data', look)
        look()
        void ended.then(() => reject(new Error(`it ended without ${String(what)}: ${err}`)))
      }),
    interrupt: () => void child.kill('SIGINT'),
  }
}
