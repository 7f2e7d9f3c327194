/**
 * Scenarios as text: a sentence on what is shown, then commands, each with the lines that it must
 * print. `UPDATE_SCENARIOS=1` writes the lines that were printed into the file instead.
 */
import type { TestContext } from 'node:test'

import { perform } from './commands.ts'
import { Stage } from './stage.ts'

interface Block {
  readonly command: string
  /** Of the command in its file, from 1. */
  readonly line: number
  readonly expected: readonly string[]
}

export interface Scenario {
  /** The comment at its head, without its marks. */
  readonly about: string
  readonly head: readonly string[]
  readonly blocks: readonly Block[]
}

const separator = '----'

export function readScenario(text: string): Scenario {
  const lines = text.split('\n')
  const headEnd = lines.findIndex((line) => !line.startsWith('#'))
  const head = lines.slice(0, headEnd)
  const blocks: Block[] = []
  for (let at = headEnd; at < lines.length; ) {
    const command = lines[at] ?? ''
    if (command === '') {
      at += 1
      continue
    }
    if (lines[at + 1] !== separator) throw new Error(`line ${at + 2}: expected ${separator}`)
    const end = lines.indexOf('', at)
    const last = end < 0 ? lines.length : end
    blocks.push({ command, line: at + 1, expected: lines.slice(at + 2, last) })
    at = last
  }
  return { about: head.map((line) => line.slice(1).trim()).join(' '), head, blocks }
}

export function writeScenario({ head, blocks }: Scenario): string {
  const texts = blocks.map(({ command, expected }) => [command, separator, ...expected].join('\n'))
  return `${[head.join('\n'), ...texts].join('\n\n')}\n`
}

/** Plays a scenario; answers it with the lines that were printed. */
export async function play(context: TestContext, scenario: Scenario): Promise<Scenario> {
  const stage = new Stage(context)
  const blocks: Block[] = []
  for (const block of scenario.blocks) {
    try {
      await perform(stage, block.command)
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`line ${block.line}, ${block.command}: ${message}`, { cause })
    }
    blocks.push({ ...block, expected: await stage.takeLines() })
  }
  return { ...scenario, blocks }
}

/** The first block that printed something else, as a reader wants to see it. */
export function difference(expected: Scenario, played: Scenario): string | undefined {
  for (const [index, block] of expected.blocks.entries()) {
    const printed = played.blocks[index]?.expected ?? []
    if (block.expected.join('\n') === printed.join('\n')) continue
    const lines = [
      ...block.expected.filter((line) => !printed.includes(line)).map((line) => `- ${line}`),
      ...printed.map((line) => `${block.expected.includes(line) ? ' ' : '+'} ${line}`),
    ]
    return `line ${block.line}: ${block.command}\n${lines.join('\n')}`
  }
  return undefined
}
