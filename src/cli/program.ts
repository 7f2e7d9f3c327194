/** Finds the command, runs it, and turns whatever happens into one clear line and an exit code. */
import { readFile } from 'node:fs/promises'
import { errorCatalogue } from '../core/error-catalogue.ts'
import { codeOf, isAssentError, messageOf } from '../core/errors.ts'
import { requireNode } from '../node/runtime.ts'
import { asksFor, readArguments } from './arguments.ts'
import type { Command, Terminal } from './command.ts'
import { commands } from './commands.ts'
import { CommandFailure, UsageError } from './failures.ts'
import { commandHelp, programHelp, usageOf } from './help.ts'

const exitCodes = { done: 0, failed: 1, usage: 2 } as const

/** Runs a command line and answers the exit code. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name = '', ...rest] = args
  const command = commands.find((each) => each.name === name)
  if (command === undefined) return await withoutCommand(name, args, terminal)
  if (asksFor(rest, 'help')) {
    terminal.out.write(commandHelp(command))
    return exitCodes.done
  }
  if (asksFor(rest, 'version')) return await showVersion(terminal)
  try {
    requireNode()
    const given = readArguments(command, rest)
    const run = await command.load()
    return await run(given, terminal)
  } catch (failure) {
    return report(command, failure, asksForJson(command, rest), terminal)
  }
}

async function withoutCommand(
  name: string,
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const [, topic = ''] = args
  const described = commands.find((each) => each.name === topic)
  if (name === 'help' && described !== undefined) {
    terminal.out.write(commandHelp(described))
    return exitCodes.done
  }
  if ((name === 'help' && topic === '') || (name.startsWith('-') && asksFor(args, 'help'))) {
    terminal.out.write(programHelp(commands))
    return exitCodes.done
  }
  if (name.startsWith('-') && asksFor(args, 'version')) return await showVersion(terminal)
  const names = commands.map((each) => each.name).join(', ')
  const wrong = name === 'help' ? topic : name
  const problem = wrong === '' ? 'no command is given' : `there is no command '${wrong}'`
  terminal.err.write(`assent: ${problem}; the commands are ${names}\n`)
  terminal.err.write('Usage: assent COMMAND [OPTIONS]\n')
  return exitCodes.usage
}

function asksForJson({ options }: Command, args: readonly string[]): boolean {
  return args.includes('--json') && options.some(({ name }) => name === 'json')
}

function report(
  command: Command,
  failure: unknown,
  asJson: boolean,
  { out, err }: Terminal,
): number {
  const { exitCode, code } = judge(failure)
  const message = messageOf(failure)
  if (asJson) out.write(`${JSON.stringify({ error: { code, message } })}\n`)
  err.write(`assent ${command.name}: ${message}${code === null ? '' : ` (${code})`}\n`)
  if (failure instanceof UsageError) err.write(`Usage: ${usageOf(command)}\n`)
  return exitCode
}

function judge(failure: unknown): { readonly exitCode: number; readonly code: string | null } {
  if (failure instanceof UsageError) return { exitCode: exitCodes.usage, code: null }
  const isOurs = failure instanceof CommandFailure || isAssentError(failure)
  if (isOurs && failure.code !== undefined) {
    return { exitCode: errorCatalogue[failure.code].exitCode, code: failure.code }
  }
  if (isOurs) return { exitCode: exitCodes.failed, code: null }
  // Of the system or of a driver. Anything else is a defect, and its stack is what a report needs.
  const code = codeOf(failure)
  if (code === undefined) throw failure
  return { exitCode: exitCodes.failed, code }
}

async function showVersion({ out }: Terminal): Promise<number> {
  // The same way up from the sources as from what is built of them.
  const file = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(file) as { readonly version: string }
  out.write(`assent ${version}\n`)
  return exitCodes.done
}
