import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'

import { difference, play, readScenario, writeScenario } from './scenario.ts'

const folder = import.meta.dirname
const files = globSync('*.txt', { cwd: folder }).sort()
const isUpdate = process.env.UPDATE_SCENARIOS === '1'

describe('a scenario prints the trace that its file says', () => {
  for (const file of files) {
    test(basename(file, '.txt'), async (t) => {
      const path = join(folder, file)
      const scenario = readScenario(readFileSync(path, 'utf8'))
      const played = await play(t, scenario)
      if (isUpdate) return writeFileSync(path, writeScenario(played))
      const found = difference(scenario, played)
      assert.equal(found, undefined, `${file}, ${found}\n(UPDATE_SCENARIOS=1 rewrites the file)`)
    })
  }
})

describe('the scenario files', () => {
  test('are as many as the crash matrix has rows', () => {
    assert.ok(files.length >= 45, `only ${files.length}`)
  })

  for (const file of files) {
    test(`${basename(file, '.txt')} begins with what it shows and which invariant is at stake`, () => {
      const text = readFileSync(join(folder, file), 'utf8')
      const scenario = readScenario(text)
      assert.match(scenario.about, /^[A-Z].*\.$/)
      assert.match(scenario.about, /\bA\d+\b/)
      assert.ok(scenario.blocks.length > 3)
      assert.equal(scenario.blocks.at(-1)?.command, 'show', 'it ends with what all sides hold')
      assert.equal(writeScenario(scenario), text, 'as the runner would write it')
    })
  }

  test('are each named by the crash matrix of docs/protocols/two-phase.md, and it names no other', () => {
    const page = readFileSync(join(folder, '../../docs/protocols/two-phase.md'), 'utf8')
    const named = [...page.matchAll(/\(\.\.\/\.\.\/test\/scenarios\/([\w-]+\.txt)\)/g)]
    assert.deepEqual([...new Set(named.map((match) => match[1]))].sort(), files)
  })
})

describe('the runner', () => {
  const text = [
    '# A wrong trace (A1).',
    '',
    'resources a b',
    '----',
    '',
    'begin a b',
    '----',
    'transaction is active',
    '',
    'commit',
    '----',
    'transaction is preparing',
    'coordinator -> a: commit',
    '',
  ].join('\n')

  test('reports a trace that differs, by its line, its command and the lines', async (t) => {
    const scenario = readScenario(text)
    const found = difference(scenario, await play(t, scenario))
    assert.equal(
      found,
      [
        'line 10: commit',
        '- coordinator -> a: commit',
        '  transaction is preparing',
        '+ coordinator -> a: prepare',
        '+ coordinator -> b: prepare',
      ].join('\n'),
    )
  })

  test('reports a line too few, and one too many', async (t) => {
    const scenario = readScenario(text.replace('coordinator -> a: commit\n', ''))
    assert.match(
      difference(scenario, await play(t, scenario)) ?? '',
      /\+ coordinator -> a: prepare/,
    )
    const played = await play(t, readScenario(text))
    const longer = writeScenario(played).replace('-> b: prepare', '-> b: prepare\nand no more')
    assert.match(difference(readScenario(longer), played) ?? '', /- and no more/)
  })

  for (const [command, says] of [
    ['durable', /no forced write is under way/],
    ['receive a', /no message is on its way to a/],
    ['reply a', /no reply of a is on its way/],
    ['crash c', /there is no resource c/],
    ['prepare a', /there is no command prepare/],
    ['tick 5', /no time/],
  ] as const) {
    test(`refuses ${command} where it makes no sense`, async (t) => {
      const scenario = readScenario(`# X (A1).\n\nresources a b\n----\n\n${command}\n----\n`)
      await assert.rejects(play(t, scenario), says)
    })
  }
})
