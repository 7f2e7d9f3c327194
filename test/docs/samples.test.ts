/**
 * The samples of the documents compile, and the examples of docstrings that name a result give it:
 * a sample that people copy is code like any other.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { repository, run } from '../../scripts/command.ts'
import { isRunnable, moduleOf, readSamples, type Sample, samplesOfDocument } from './samples.ts'

const sampleCountMin = 15

describe('samples of code in the documents', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'assent-samples-'))
  after(() => rm(directory, { recursive: true, force: true }))
  const samples = readSamples()

  test('compile against the sources', async () => {
    assert.ok(samples.length >= sampleCountMin, `only ${samples.length} samples were found`)
    assert.equal(await complaints(directory, samples), '')
  })

  test('a sample that does not compile is seen, with its place', async () => {
    const wrong = '```ts\nawait coordinator.transaction(["orders"], work, { timeout: 5 })\n```\n'
    const said = await complaints(directory, samplesOfDocument('wrong.md', wrong))
    assert.match(said, /wrong\.md:2/)
    assert.match(said, /'timeout' does not exist/)
  })

  const runnable = samples.filter(isRunnable)
  assert.ok(runnable.length > 0, 'no example names its result')
  for (const sample of runnable) {
    test(`gives what it says: ${sample.place}`, () => runSample(directory, sample))
  }

  test('an example that names another result is seen', async () => {
    const source = 'src/core/crc32c.ts'
    const sample = { place: `${source}:1`, code: 'crc32c(new Uint8Array()) // 7', source }
    await assert.rejects(runSample(directory, sample), /Expected values to be strictly deep-equal/)
  })
})

/** What the compiler says of them, with the places where they stand; empty when nothing. */
async function complaints(directory: string, samples: readonly Sample[]): Promise<string> {
  const project = await mkdtemp(join(directory, 'project-'))
  await symlink(join(repository, 'node_modules'), join(project, 'node_modules'))
  await writeFile(join(project, 'package.json'), '{ "type": "module" }')
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify(configuration()))
  await Promise.all(
    samples.map((sample, index) =>
      writeFile(join(project, `sample-${index}.ts`), moduleOf(sample)),
    ),
  )
  const tsc = join(repository, 'node_modules/typescript/bin/tsc')
  const { exitCode, output } = await run(
    { tool: process.execPath, arguments: [tsc, '-p', '.'] },
    project,
  )
  if (exitCode === 0) return ''
  return output.replaceAll(/sample-(\d+)\.ts/g, (_, index) => samples[Number(index)]?.place ?? '')
}

function configuration(): object {
  const source = (name: string): string[] => [join(repository, 'src', `${name}.ts`)]
  return {
    extends: join(repository, 'tsconfig.base.json'),
    compilerOptions: {
      noEmit: true,
      allowImportingTsExtensions: true,
      // As a user has it, who is not as strict.
      exactOptionalPropertyTypes: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
      types: ['node'],
      paths: { assent: source('index'), 'assent/*': [join(repository, 'src', '*.ts')] },
    },
    include: ['*.ts', join(import.meta.dirname, 'sample-globals.d.ts')],
  }
}

async function runSample(directory: string, sample: Sample): Promise<void> {
  const file = join(await mkdtemp(join(directory, 'run-')), 'sample.ts')
  await writeFile(file, moduleOf(sample))
  const { sample: body }: { sample: () => Promise<void> } = await import(pathToFileURL(file).href)
  await body()
}
