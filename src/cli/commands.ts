/** Every command, as data. The code behind each is loaded when it is run. */
import type { Command } from './command.ts'
import type { OptionDescription } from './description.ts'

const json: OptionDescription = { name: 'json', help: 'Writes JSON, one object on one line.' }

/** For the commands about a log. */
const operating: readonly OptionDescription[] = [
  {
    name: 'log',
    value: 'DIR',
    help: 'The directory of the decision log; ./transactions by default.',
  },
  json,
]

const signature: readonly OptionDescription[] = [
  { name: 'by', value: 'NAME', required: true, help: 'Who decides. Kept in the log.' },
  { name: 'reason', value: 'TEXT', required: true, help: 'Why. Kept in the log.' },
]

const demo: Command = {
  name: 'demo',
  summary: 'Moves money between two PostgreSQL servers while everything is being killed.',
  operands: [],
  options: [
    { name: 'seconds', value: 'N', help: 'How long; 20 by default.' },
    { name: 'concurrency', value: 'N', help: 'Transactions at a time; 8 by default.' },
    {
      name: 'kill-every',
      value: 'SECONDS',
      help: 'How often, about, the worker is killed; 3 by default, 0 for never.',
    },
    {
      name: 'postgres',
      value: 'URL',
      multiple: true,
      help: 'A database of yours. Given twice, or not at all.',
    },
    { name: 'seed', value: 'N', help: 'Repeats the plan of a run: its transfers and its kills.' },
    { name: 'keep', help: 'Leaves the servers up, and the log, and says where they are.' },
    { name: 'json', help: 'The last line on stdout is the result as JSON; progress is on stderr.' },
  ],
  details: [
    'Starts two PostgreSQL servers, opens accounts in both, and moves money between them from',
    'a worker process that is killed (SIGKILL) every few seconds, while now and then a server is',
    'killed and restarted. Then it counts in the databases. Exit code 0 only if every check held.',
    '',
    'With --postgres, given twice, it uses databases of yours, in a schema of its own that it',
    'drops afterwards, and kills only its own worker. They need max_prepared_transactions.',
    'Ctrl-C ends the run early, with the checks; a second one ends it at once.',
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

export const commands: readonly Command[] = [demo, list, show, resolve, forget]
