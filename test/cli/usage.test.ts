/** What the command line refuses: one clear line, the usage, exit code 2, and nothing changed. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'

import { type Answer, assent, assentHere, assentIn, jsonOf } from './run-assent.ts'

const id = 'shop.0123456789abc.1.1'
const signed = ['--by', 'ann', '--reason', 'seen in the bank']

interface Refusal {
  readonly args: readonly string[]
  readonly says: RegExp
}

const refusals: readonly Refusal[] = [
  { args: [], says: /^assent: no command is given; the commands are demo, doctor, list, / },
  { args: ['lsit'], says: /^assent: there is no command 'lsit'; the commands are / },
  { args: ['help', 'lsit'], says: /there is no command 'lsit'/ },
  { args: ['--jsno'], says: /there is no command '--jsno'/ },
  { args: ['list', 'x'], says: /^assent list: 'x' is one argument too many$/ },
  { args: ['list', '--log'], says: /^assent list: --log needs a value: DIR$/ },
  { args: ['list', '--log='], says: /^assent list: --log needs a value: DIR$/ },
  { args: ['list', '--log', '--all'], says: /--log needs a value: DIR; one that begins with -/ },
  { args: ['list', '--log', 'a', '--log', 'b'], says: /--log is given twice$/ },
  { args: ['list', '--js'], says: /there is no option --js; did you mean --json\?$/ },
  { args: ['list', '-x'], says: /there is no option -x$/ },
  { args: ['list', '--json=yes'], says: /--json takes no value$/ },
  { args: ['list', '--log', 'nowhere'], says: /there is no decision log in nowhere; / },
  { args: ['show'], says: /^assent show: ID is missing$/ },
  {
    args: ['show', 'x'],
    says: /'x' is no id of a transaction or branch; `assent list` shows ids$/,
  },
  { args: ['show', `${id}x!`], says: /is no id of a transaction or branch/ },
  { args: ['resolve', id], says: /^assent resolve: commit\|abort is missing$/ },
  { args: ['resolve', id, 'commit'], says: /--by NAME is missing$/ },
  { args: ['resolve', id, 'commit', '--by', 'ann'], says: /--reason TEXT is missing$/ },
  {
    args: ['resolve', id, 'comit', ...signed],
    says: /say commit or abort after the id, not 'comit'$/,
  },
  { args: ['resolve', 'x', 'commit', ...signed], says: /'x' is no id/ },
  {
    args: ['resolve', id, 'commit', '--by', ' ', '--reason', 'x'],
    says: /--by takes a text of 1 to 200 characters$/,
  },
  {
    args: ['resolve', id, 'commit', '--by', 'ann', '--reason', 'x'.repeat(1001)],
    says: /--reason takes a text of 1 to 1000 characters$/,
  },
  {
    args: ['resolve', `assent.${id}.0`, 'commit', '--resource', 'bank', ...signed],
    says: /--resource goes with the id of a transaction, and this is a branch$/,
  },
  { args: ['forget', id], says: /^assent forget: --by NAME is missing$/ },
  { args: ['demo', '--seconds', '0'], says: /--seconds takes a number from 1 to 86400, not '0'$/ },
  {
    args: ['demo', '--seconds', 'ten'],
    says: /--seconds takes a number from 1 to 86400, not 'ten'$/,
  },
  { args: ['demo', '--seconds', '1e3'], says: /--seconds takes a number .*, not '1e3'$/ },
  {
    args: ['demo', '--concurrency', '1.5'],
    says: /--concurrency takes a whole number from 1 to 64/,
  },
  {
    args: ['demo', '--concurrency', '65'],
    says: /--concurrency takes a whole number from 1 to 64/,
  },
  { args: ['demo', '--postgres', 'postgres://h/a'], says: /--postgres is given twice, for two/ },
  {
    args: ['demo', '--mysql', 'mysql://h/a', '--mysql', 'mysql://h/b'],
    says: /--mysql is given twice$/,
  },
  {
    args: [
      'demo',
      '--mysql',
      'mysql://h/a',
      '--postgres',
      'postgres://h/a',
      '--postgres',
      'postgres://h/b',
    ],
    says: /with --mysql, --postgres is given once, or not at all$/,
  },
  {
    args: ['demo', '--mysql', 'postgres://h/a'],
    says: /--mysql takes a URL such as mysql:\/\/user@host\/database$/,
  },
  { args: ['demo', '--mysql', 'mysql://h/'], says: /--mysql has to name a database: mysql:/ },
  {
    args: ['demo', '--postgres', 'mysql://h/a', '--postgres', 'postgres://h/a'],
    says: /--postgres takes a URL such as postgres:\/\/user@host\/database$/,
  },
  {
    args: ['demo', '--postgres', 'postgres://h/a', '--postgres', 'postgres://h/a'],
    says: /the same database is named twice, and the demo takes two$/,
  },
  {
    args: ['demo', '--config', 'a.json', '--mysql', 'mysql://h/a'],
    says: /--config names both databases; leave --postgres and --mysql out$/,
  },
]

function assertRefused({ exitCode, out, err }: Answer, says: RegExp): void {
  const [line = '', usage = '', ...rest] = err.trimEnd().split('\n')
  assert.match(line, says)
  assert.match(usage, /^Usage: assent /)
  assert.deepEqual({ exitCode, out, rest }, { exitCode: 2, out: '', rest: [] })
}

describe('a command line that can not be meant', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assent-usage-'))
  after(() => rm(folder, { recursive: true }))

  for (const { args, says } of refusals) {
    test(`is refused: assent ${args.join(' ').slice(0, 70)}`, async () => {
      assertRefused(await assentHere(...args), says)
    })
  }

  test('is refused by the program, and makes nothing where it is called', async () => {
    const [lists, resolves, demos] = await Promise.all([
      assentIn(folder, 'list'),
      assentIn(folder, 'resolve', id, 'commit', ...signed),
      assentIn(folder, 'demo', '--postgres', 'postgres://h/a'),
    ])
    const noLog = /there is no decision log in \.\/transactions; name its directory with --log$/
    assertRefused(lists, noLog)
    assertRefused(resolves, noLog)
    assertRefused(demos, /--postgres is given twice/)
    assert.deepEqual(await readdir(folder), [])
  })

  test('is refused in JSON too where JSON is asked for', async () => {
    const answer = await assentHere('list', '--json', '--log', join(folder, 'nowhere'))
    assert.equal(answer.exitCode, 2)
    assert.equal(jsonOf(answer).error.code, null)
    assert.match(jsonOf(answer).error.message, /there is no decision log in .*nowhere; name/)
  })
})

describe('help', () => {
  const pages = [[], ['demo'], ['doctor'], ['list'], ['show'], ['resolve'], ['forget']] as const

  for (const page of pages) {
    const name = ['assent', ...page].join('-')
    test(`of ${name} is what docs and habits rest on`, async (context) => {
      const { exitCode, out, err } = await assentHere(...page, '--help')
      assert.deepEqual({ exitCode, err }, { exitCode: 0, err: '' })
      context.assert.fileSnapshot(out, join(import.meta.dirname, `help/${name}.txt`), {
        serializers: [(text: string) => text.trimEnd()],
      })
      for (const line of out.split('\n')) assert.ok(line.length <= 100, line)
    })
  }

  test('is the same by every way to ask for it', async () => {
    const [first, ...others] = await Promise.all([
      assentHere('list', '--help'),
      assentHere('help', 'list'),
      assentHere('list', '--nonsense', '--help'),
      assentHere('list', '-h'),
    ])
    for (const other of others) assert.deepEqual(other, first)
    assert.deepEqual(await assentHere('help'), await assent('--help'))
  })

  test('is not asked for behind --', async () => {
    assert.equal((await assentHere('show', '--', '--help')).exitCode, 2)
  })

  test('tells the version of the package everywhere', async () => {
    const answers = await Promise.all([
      assent('--version'),
      assentHere('demo', '--version'),
      assentHere('resolve', '--version'),
    ])
    for (const { exitCode, out } of answers) {
      assert.equal(exitCode, 0)
      assert.match(out, /^assent \d+\.\d+\.\d+\n$/)
    }
  })
})
