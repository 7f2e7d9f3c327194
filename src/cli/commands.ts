/** Every command, as data. The code behind each is loaded when it is run. */
import type { Command } from './command.ts'
import type { OptionDescription } from './description.ts'

const json: OptionDescription = { name: 'json', help: 'Writes JSON, one object on one line.' }

const config: OptionDescription = {
  name: 'config',
  value: 'FILE',
  help: 'The configuration; assent.config.* here by default.',
}

/** For the commands about a log. */
const operating: readonly OptionDescription[] = [
  {
    name: 'log',
    value: 'DIR',
    inUsage: true,
    help: "The log's directory; else by --config, or ./transactions.",
  },
  config,
  json,
]

const signature: readonly OptionDescription[] = [
  { name: 'by', value: 'NAME', required: true, help: 'Who decides. Kept in the log.' },
  { name: 'reason', value: 'TEXT', required: true, help: 'Why. Kept in the log.' },
]

const demo: Command = {
  name: 'demo',
  summary: 'Moves money between two databases while everything is being killed.',
  operands: [],
  options: [
    { name: 'seconds', value: 'N', help: 'How long; 20 by default.' },
    {
      name: 'concurrency',
      value: 'N',
      help: 'Transfers under way at the same time; 8 by default.',
    },
    {
      name: 'kill-every',
      value: 'SECONDS',
      help: 'Seconds between kills, about; 3 by default, 0 for none.',
    },
    {
      name: 'postgres',
      value: 'URL',
      multiple: true,
      help: 'A database of yours. Given twice, or once with --mysql.',
    },
    {
      name: 'mysql',
      value: 'URL',
      help: 'A MySQL or MariaDB database of yours, as the second one.',
    },
    {
      name: 'config',
      value: 'FILE',
      help: 'A configuration: its two resources are the databases.',
    },
    {
      name: 'decisions',
      value: 'WHERE',
      help: 'Where decisions are kept: `log` or `participant`.',
    },
    {
      name: 'form',
      value: 'FORM',
      help: '`callback`, `execute`, or by default `mixed`: both in turn.',
    },
    { name: 'seed', value: 'N', help: 'Repeats the plan of a run: its transfers and its kills.' },
    { name: 'keep', help: 'Leaves servers, tables and log, and says where they are.' },
    { name: 'json', help: 'Writes the result to stdout as JSON; all else to stderr.' },
  ],
  details: [
    'Starts two PostgreSQL servers, opens accounts in both, and moves money between',
    'them from a worker process. Every few seconds something is killed (SIGKILL) and',
    'started again: mostly the worker, now and then a server, or both at once. Then',
    'it counts in the databases. Exit code 0 only if every check held.',
    '',
    'With --postgres, given twice, it uses databases of yours, in a schema of its',
    'own that it drops afterwards; they need max_prepared_transactions. With --mysql',
    'the second database is that one, in tables of its own; the first is a server of',
    'its own, or the one of --postgres, given once. Or --config names a file such as',
    '`assent doctor` takes. Databases of yours are never killed. Ctrl-C ends the run',
    'early, with the checks; a second one ends it at once, without them.',
    '',
    'With --decisions participant the decisions are kept in tables of the first',
    'database, which has to be PostgreSQL, and travel with its commits.',
    '',
    'Every other transfer is made by a callback, which sends its statements one by',
    'one, and the others by `execute`, which knows them all: --form says otherwise.',
  ],
  load: async () => (await import('./demo/command.ts')).runDemo,
}

const list: Command = {
  name: 'list',
  summary: 'Lists the transactions that wait for a resource or an operator.',
  operands: [],
  options: [...operating, { name: 'all', help: 'Also those that are simply under way.' }],
  details: [
    'Asks every live process that shares the log, and reads the logs that nobody holds. Shows',
    'besides prepared branches that no transaction answers for. Changes nothing.',
  ],
  load: async () => (await import('./operate/list.ts')).runList,
}

const show: Command = {
  name: 'show',
  summary: 'Shows one transaction: how it stands, and what to do about it.',
  operands: ['ID'],
  options: operating,
  details: [
    'ID is the id of a transaction, or of a branch as a database stores it (the gid in',
    "PostgreSQL's pg_prepared_xacts). Changes nothing.",
  ],
  load: async () => (await import('./operate/show.ts')).runShow,
}

const resolve: Command = {
  name: 'resolve',
  summary: 'Settles a transaction that is held, a lost branch, or a stranger’s orphan.',
  operands: ['ID', 'commit|abort'],
  options: [
    ...signature,
    { name: 'resource', value: 'NAME', help: 'Says how the branch at this resource has ended.' },
    ...operating,
  ],
  details: [
    'Without --resource: decides a transaction that is held. With it: vouches that the branch at',
    'a resource that can not be reached any more has ended so; nothing is sent to it. With the id',
    'of a prepared branch of a log that is lost: ends that branch at its resource. A decision that',
    'was made is never changed. When no process holds the log, the decision for a held transaction',
    'is recorded, and the next process that opens the log carries it out.',
  ],
  load: async () => (await import('./operate/resolve.ts')).runResolve,
}

const forget: Command = {
  name: 'forget',
  summary: 'Takes a transaction off the list whose data was repaired by hand.',
  operands: ['ID'],
  options: [...signature, ...operating],
  details: [
    'For a transaction in the state `heuristic`: a resource ended its branch against, or without,',
    'the decision. Repair the data first; what happened stays in the audit trail of the log.',
  ],
  load: async () => (await import('./operate/forget.ts')).runForget,
}

const doctor: Command = {
  name: 'doctor',
  summary: 'Examines the log and the databases, and says what cures them.',
  operands: [],
  options: [{ ...config, inUsage: true }, json],
  details: [
    'Examines what the configuration names: assent.config.ts, .js, .mjs or .json in',
    'the working directory, or FILE. Says of each finding what it would cause, and',
    'the command that cures it. Needs no running application, disturbs none, and',
    'changes nothing. Exit code 1 if there is an error among the findings;',
    'docs/operating/doctor.md explains each.',
  ],
  load: async () => (await import('./doctor/command.ts')).runDoctor,
}

export const commands: readonly Command[] = [demo, doctor, list, show, resolve, forget]
