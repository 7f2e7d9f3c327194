/** `assent demo` */
import { randomBytes, randomInt } from 'node:crypto'
import type { Arguments } from '../arguments.ts'
import type { Terminal } from '../command.ts'
import { UsageError } from '../failures.ts'
import { type Forms, formChoices } from './bank.ts'
import { type DatabaseUrl, readConfiguredUrls, readDatabaseUrls } from './database-url.ts'
import { type DemoOptions, perform } from './demo.ts'
import { openDisplay } from './display.ts'
import { watchForInterruption } from './interruption.ts'
import { readDecisionPlace } from './kept-decisions.ts'
import { failuresOf, renderRun, resultOf } from './result.ts'

const seedMax = 2 ** 31 - 1

/** Runs the demo; the exit code is 0 only if every check held. */
export async function runDemo(given: Arguments, { out, err }: Terminal): Promise<number> {
  const options = await readOptions(given)
  const asJson = given.has('json')
  const display = openDisplay(asJson ? err : out)
  const interruption = watchForInterruption((left) => {
    display.close()
    err.write('assent demo: ended at once, so nothing was checked\n')
    for (const line of left) err.write(`${line}\n`)
  })
  interruption.signal.addEventListener('abort', () => {
    display.note('ending early, with the checks; Ctrl-C again ends at once')
  })
  try {
    display.note(`seed ${options.seed}`)
    const { run, leftBehind } = await perform(options, display, interruption)
    display.close()
    const result = resultOf(run)
    const people = asJson ? err : out
    people.write(`\n${renderRun(run)}\n`)
    for (const line of leftBehind) people.write(`${line}\n`)
    if (!result.held) {
      for (const line of failuresOf(run)) err.write(`assent demo: ${line}\n`)
      err.write(`assent demo: to look into it, add: --seed ${options.seed} --keep\n`)
    }
    if (asJson) out.write(`${JSON.stringify(result)}\n`)
    return result.held ? 0 : 1
  } finally {
    display.close()
    interruption.end()
  }
}

async function readOptions(given: Arguments): Promise<DemoOptions> {
  const urls = await readUrls(given)
  return {
    seconds: given.number('seconds', { min: 1, max: 86_400, isWhole: false, byDefault: 20 }),
    concurrency: given.number('concurrency', { min: 1, max: 64, isWhole: true, byDefault: 8 }),
    killEvery: given.number('kill-every', { min: 0, max: 86_400, isWhole: false, byDefault: 3 }),
    urls,
    decisions: readDecisionPlace(given.text('decisions'), urls),
    forms: readForms(given.text('form')),
    seed: given.number('seed', {
      min: 0,
      max: seedMax,
      isWhole: true,
      byDefault: randomInt(seedMax),
    }),
    run: randomBytes(4).toString('hex'),
    keep: given.has('keep'),
  }
}

function readForms(text: string | undefined): Forms {
  const forms = text === undefined ? 'mixed' : formChoices.find((each) => each === text)
  if (forms !== undefined) return forms
  throw new UsageError(`--form takes mixed, callback or execute, not '${text}'`)
}

async function readUrls(given: Arguments): Promise<readonly DatabaseUrl[]> {
  const [postgres, mysql, file] = [given.all('postgres'), given.all('mysql'), given.text('config')]
  if (file === undefined) return readDatabaseUrls(postgres, mysql)
  if (postgres.length + mysql.length === 0) return await readConfiguredUrls(file)
  throw new UsageError('--config names both databases; leave --postgres and --mysql out')
}
