/** The help texts, made from the descriptions of the commands. */
import { commonOptions } from './arguments.ts'
import type { Command } from './command.ts'
import type { CommandDescription, OptionDescription } from './description.ts'

/** `assent resolve ID commit|abort --by NAME --reason TEXT [--log DIR] [OPTIONS]` */
export function usageOf({ name, operands, options }: CommandDescription): string {
  const required = options
    .filter((each) => each.required === true)
    .map((each) => `--${each.name} ${each.value ?? ''}`)
  const shown = options
    .filter((each) => each.inUsage === true)
    .map((each) => `[--${each.name} ${each.value ?? ''}]`)
  return ['assent', name, ...operands, ...required, ...shown, '[OPTIONS]'].join(' ')
}

export function programHelp(commands: readonly Command[]): string {
  return [
    'assent: one change across several databases, everywhere or nowhere.',
    '',
    'Usage: assent COMMAND [OPTIONS]',
    '',
    'Commands:',
    ...columns(commands.map(({ name, summary }) => [name, summary])),
    '',
    'Options:',
    ...columns(commonOptions.map(optionLine)),
    '',
    '`assent COMMAND --help` tells more of one. Exit codes: 0 done; 1 not done, and why is said;',
    '2 the command line is wrong, and nothing was changed; 3 nobody can tell yet how it ended.',
    '',
  ].join('\n')
}

export function commandHelp(command: CommandDescription): string {
  return [
    `${command.summary}`,
    '',
    `Usage: ${usageOf(command)}`,
    '',
    'Options:',
    ...columns([...command.options, ...commonOptions].map(optionLine)),
    '',
    ...command.details,
    '',
  ].join('\n')
}

function optionLine({ name, value, help }: OptionDescription): readonly [string, string] {
  return [value === undefined ? `--${name}` : `--${name} ${value}`, help]
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
