/**
 * Processes by pid. A busy backend outlives its killed postmaster and then blocks the restart, so a
 * server is killed as the tree that it is.
 */
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  /** One letter; `Z` is a process that is dead and not collected yet. */
  readonly state: string
}

/** The direct children of `parent` that are alive. */
export async function childrenOf(parent: number): Promise<number[]> {
  const entries = await listProcesses()
  return entries.filter((each) => each.parent === parent && each.state !== 'Z').map((e) => e.pid)
}

/** Sends a signal; a process that is gone is no error. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** Those of `pids` that still run. */
export async function survivorsOf(pids: readonly number[]): Promise<number[]> {
  const alive = new Set(
    (await listProcesses()).filter((each) => each.state !== 'Z').map((each) => each.pid),
  )
  return pids.filter((pid) => alive.has(pid))
}

async function listProcesses(): Promise<ProcessEntry[]> {
  return process.platform === 'linux' ? await fromProc() : await fromPs()
}

async function fromProc(): Promise<ProcessEntry[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const entries = await Promise.all(
    names.map(async (name) => {
      // `pid (command) state parent ...`; the command may contain anything, parentheses too.
      const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
      const [state = '', parent = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ')
      return { pid: Number(name), parent: Number(parent), state }
    }),
  )
  return entries.filter((each) => each.state !== '')
}

async function fromPs(): Promise<ProcessEntry[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,stat='])
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [pid = '', parent = '', state = ''] = line.trim().split(/\s+/)
      return { pid: Number(pid), parent: Number(parent), state: state.charAt(0) }
    })
}
