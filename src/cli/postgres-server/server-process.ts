/**
 * The process of a database server of our own: as whom it runs, where it writes, and that it ends
 * with the process that started it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { chmod, chown } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whom a server runs as; database servers refuse to run as root. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

export interface ServerCommand {
  readonly program: string
  readonly arguments: readonly string[]
  readonly account: Account | undefined
  readonly setpriv: string | undefined
  /** Where it works. */
  readonly directory: string
  /** Takes what it says, after what is there. */
  readonly logFile: string
  /** Whether it lives on when this process ends. */
  readonly outlives: boolean
}

/** Servers that must not outlive this process, for platforms where the kernel does not see to it. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** The account for servers when this process is root, or undefined. */
export async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])])
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}

/** The program that makes the kernel kill a server with us; Linux only, where it is installed. */
export async function findSetpriv(): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined
  try {
    await run('setpriv', ['--pdeathsig=KILL', 'true'])
    return 'setpriv'
  } catch {
    return undefined
  }
}

/** Starts the process; whether it gets ready is the caller's to see, and that there is none. */
export async function spawnServer(command: ServerCommand): Promise<ChildProcess> {
  const { program, account, setpriv, outlives } = command
  const log = openSync(command.logFile, 'a')
  try {
    if (account !== undefined) await chown(command.logFile, account.uid, account.gid)
    await chmod(command.logFile, 0o644)
    const tied = setpriv !== undefined && !outlives
    const child = spawn(
      tied ? setpriv : program,
      tied ? ['--pdeathsig=KILL', program, ...command.arguments] : [...command.arguments],
      {
        ...account,
        cwd: command.directory,
        // A session of its own: Ctrl-C in our terminal is ours to handle.
        detached: true,
        stdio: ['ignore', log, log],
        env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      },
    )
    child.on('error', () => undefined) // the caller sees that there is no process
    child.unref()
    if (!outlives) running.add(child)
    child.once('exit', () => running.delete(child))
    return child
  } finally {
    closeSync(log)
  }
}
