/** The commands of scenarios. `docs/protocols/two-phase.md` and the files beside this show them. */
import type { Decision } from '../../src/core/decision.ts'
import type { Mood } from './scripted-resource.ts'
import type { Stage } from './stage.ts'

type Command = (stage: Stage, words: readonly string[]) => void | Promise<void>

const commands: Readonly<Record<string, Command>> = {
  /** `resources a b one:c last:m`: opens the coordinator over them. */
  resources: (stage, words) => stage.open(words),
  /** `begin a b [within 5s]`: the work joins them, and goes on until `commit` or `fail`. */
  begin(stage, words) {
    const until = words.indexOf('within')
    const names = until < 0 ? words : words.slice(0, until)
    stage.begin(names, until < 0 ? 30_000 : millisecondsOf(words[until + 1] ?? ''))
  },
  commit: (stage) => stage.endWork(false),
  fail: (stage) => stage.endWork(true),

  /** `receive a [no|read-only|ended|heuristic]`: its oldest message arrives, and is done durably. */
  receive: (stage, [name = '', mood]) => stage.resource(name).receive(mood as Mood | undefined),
  /** `reply a`: its oldest reply arrives. */
  reply: (stage, [name = '']) => stage.resource(name).reply(),
  /** `answer a b [mood]`: each receives and replies. */
  async answer(stage, words) {
    const mood = words.find(isMood)
    for (const name of words.filter((word) => !isMood(word))) {
      stage.resource(name).receive(mood)
      stage.resource(name).reply()
      await stage.rest()
    }
  },
  /** `overtake a`: its newest message arrives before the older ones, and is answered. */
  overtake: (stage, [name = '']) => stage.resource(name).overtake(),
  /** `lose a`: its oldest message or reply is lost with the connection, and the sender notices. */
  lose: (stage, [name = '']) => stage.resource(name).lose(),
  /** `drop a`: its oldest message or reply is lost without a word. */
  drop: (stage, [name = '']) => stage.resource(name).drop(),
  /** `by-hand a committed`: an administrator ends the branch. */
  'by-hand': (stage, [name = '', decision]) => stage.resource(name).endByHand(decision as Decision),

  /** The forced write that is under way is durable. */
  durable: (stage) => stage.durable(),
  /** What was noted lazily is written, though nobody waits for it. */
  'lazy-write': (stage) => stage.lazyWrite(),
  /** `disk-full [kept]`: the forced write fails; with `kept` the record is on the disk all the same. */
  'disk-full': (stage, [kept]) => stage.failWrite(kept === 'kept'),

  /** `crash coordinator [written]`: with `written`, what was being written is on the disk. */
  crash(stage, [name = '', written]) {
    if (name === 'coordinator') stage.crashCoordinator(written === 'written')
    else stage.resource(name).crash()
  },
  restart: (stage, [name = '']) =>
    name === 'coordinator' ? stage.startCoordinator() : stage.resource(name).restart(),
  tick: (stage, [time = '']) => stage.tick(millisecondsOf(time)),
  /** `resolve committed [a]`: an operator settles the transaction, or vouches for one branch. */
  resolve: (stage, [decision, resource]) => stage.resolve(decision as Decision, resource),
  show: (stage) => stage.show(),
}

export async function perform(stage: Stage, line: string): Promise<void> {
  const [verb = '', ...words] = line.split(' ')
  const command = commands[verb]
  if (command === undefined) throw new Error(`there is no command ${verb}`)
  await command(stage, words)
}

function isMood(word: string): word is Mood {
  return word === 'no' || word === 'read-only' || word === 'ended' || word === 'heuristic'
}

function millisecondsOf(text: string): number {
  const match = /^(\d+)(ms|s)$/.exec(text)
  if (match === null) throw new Error(`${text} is no time: write 50ms or 5s`)
  return Number(match[1]) * (match[2] === 's' ? 1_000 : 1)
}
