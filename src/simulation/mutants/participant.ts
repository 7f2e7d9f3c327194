/**
 * Bugs planted where the decisions are kept in a participant: in the log over its tables, in what the
 * protocol and the engine do with that, and in what an adapter and its database have to do for it
 * (the simulated ones stand for all).
 */
import type { Mutant } from './mutant.ts'

type PlantedHere = Omit<Mutant, 'decisions'>

const step = 'src/protocol/two-phase/step.ts'
const session = 'src/simulation/database/session.ts'

const planted: readonly PlantedHere[] = [
  {
    name: 'others-told-with-the-deciding-branch',
    rule: 'A3',
    file: step,
    find: "  if (carrier >= 0) return commitOnePhase(state, carrier, 'committing-with-decision')\n",
    replace:
      '  if (carrier >= 0) {\n' +
      "    const sent = commitOnePhase(state, carrier, 'committing-with-decision')\n" +
      "    const ended = withBranch(state, carrier, 'ended')\n" +
      "    const told = deliver(ended, 'committing', [{ type: 'decided' }])\n" +
      '    return { state: told.state, effects: [...sent.effects, ...told.effects] }\n' +
      '  }\n',
    why: 'The others are told commit before the deciding branch has answered.',
    seeds: 20,
  },
  {
    name: 'lost-deciding-branch-aborts',
    rule: 'A6',
    file: step,
    find: "  return state.phase === 'committing-with-decision' ? hold(state) : ignore(state)\n",
    replace: "  return state.phase === 'committing-with-decision' ? abort(ended) : ignore(state)\n",
    why: 'A deciding branch that did not answer is taken for aborted.',
    seeds: 100,
  },
  {
    name: 'lost-deciding-branch-commits',
    rule: 'A6',
    file: step,
    find: "  return state.phase === 'committing-with-decision' ? hold(state) : ignore(state)\n",
    replace:
      "  if (state.phase !== 'committing-with-decision') return ignore(state)\n" +
      "  return deliver(ended, 'committing', [{ type: 'decided' }])\n",
    why: 'A deciding branch that did not answer is taken for committed.',
    seeds: 100,
  },
  {
    name: 'insert-or-do-nothing',
    rule: 'A2',
    file: session,
    find:
      "        decisions.count('insert meets a presumed row')\n" +
      '        this.#dropWork()\n' +
      "        answer(refused('duplicateKey'))\n",
    replace:
      "        decisions.count('insert meets a presumed row')\n" +
      '        this.#commit(work, answer)\n',
    why: 'The work is committed over an `aborted` that is durable.',
    seeds: 150,
  },
  {
    name: 'work-and-row-in-two-transactions',
    rule: 'A1',
    file: session,
    find: '          return this.#commit(work, answer, { row, decisions })\n',
    replace:
      '          const insert = (): void => decisions.insert(row, new Set())\n' +
      '          return this.#database.force(insert, () => this.#commit(work, answer))\n',
    why: 'The row is durable first, and then the work is refused, or lost in a crash.',
    seeds: 60,
  },
  {
    name: 'no-fence-for-a-carried-row',
    rule: 'A2',
    file: session,
    find: '    if (epoch !== row.transaction.epoch) {\n',
    replace: '    if (epoch === undefined) {\n',
    why: 'A branch commits with its row when the presumption against it is gone already.',
    seeds: 1_000,
  },
  {
    name: 'no-fence-for-a-presumption',
    rule: 'A2',
    file: 'src/simulation/database/decisions/server.ts',
    find: '    if (log?.epoch !== holder.epoch) {\n',
    replace: '    if (log === undefined) {\n',
    why: 'Who lost its log presumes when the next holder has settled a commit, and removed its row.',
    seeds: 500,
    profile: 'process-crash',
  },
  {
    name: 'orphan-not-presumed',
    rule: 'A9',
    file: 'src/coordinator/sweep.ts',
    find: '    presumeAborted(this.#engine, book, parts, found)\n',
    replace: '    found(expected)\n',
    why: 'An orphan is rolled back while its decision may be on its way to the table.',
    seeds: 100,
    profile: 'process-crash',
  },
  {
    name: 'presumption-not-obeyed',
    rule: 'A1',
    file: 'src/coordinator/sweep.ts',
    find: '    presumeAborted(this.#engine, book, parts, found)\n',
    replace:
      '    presumeAborted(this.#engine, book, parts, (standing) => {\n' +
      '      found(standing instanceof Error ? standing : expected)\n' +
      '    })\n',
    why: 'An orphan is rolled back although who presumed has found `committed`.',
    seeds: 800,
  },
  {
    name: 'held-without-obeying-its-row',
    rule: 'A1',
    file: 'src/coordinator/evidence.ts',
    find: '      answered(standing instanceof Error ? undefined : standing)\n',
    replace: "      answered(standing instanceof Error ? undefined : 'aborted')\n",
    why: 'What a deciding branch committed is rolled back at the others.',
    seeds: 150,
  },
  {
    name: 'absence-told-before-it-is-final',
    rule: 'A9',
    file: 'src/coordinator/administration.ts',
    find: "    if (retained === 'absent') return await this.#presumed(book, parts)\n",
    replace: "    if (retained === 'absent') return 'aborted'\n",
    why: 'A caller is told aborted, and the row arrives later.',
    seeds: 1_000,
  },
  {
    name: 'low-water-not-written',
    rule: 'A9',
    file: 'src/log/participant/table-state.ts',
    find: '    if (isBelow(before, log.lowWater)) {\n',
    replace: '    if (before.epoch < 0) {\n',
    why: 'An outcome that is kept no longer is told aborted by the next process.',
    seeds: 600,
  },
  {
    name: 'resource-not-durable-before-its-row',
    rule: 'A10',
    file: 'src/coordinator/book.ts',
    find: '    this.#resources.whenDurable(this.log, branches, (failure) => {\n',
    replace:
      '    const now = (then: (failure: Error | undefined) => void): void => then(undefined)\n' +
      '    now((failure) => {\n',
    why: 'A crash leaves a row of which nobody can tell where its branches are.',
    seeds: 20,
  },
  {
    name: 'row-removed-before-settlement',
    rule: 'A10',
    file: 'src/log/participant/table-state.ts',
    find: '    if (!isOver) this.#rows.set(record.transaction, true)\n',
    replace: '    if (!isOver) this.changes.settle(record.transaction)\n',
    why: 'A decision is taken away while branches wait to learn it.',
    seeds: 300,
    profile: 'resource-crash',
  },
  {
    name: 'row-removed-without-its-outcome',
    rule: 'A9',
    file: 'src/log/participant/table-state.ts',
    find: '    if (outcome !== undefined) {\n      changes.book(',
    replace: "    if (outcome !== undefined && outcome !== 'committed') {\n      changes.book(",
    why: 'What committed is told aborted by the next process.',
    seeds: 100,
  },
  {
    name: 'presumed-row-removed-at-once',
    rule: 'A2',
    file: 'src/log/participant/table-state.ts',
    find: '    if (isPresumed) this.#presumed.set(key, key)\n',
    replace: '    if (isPresumed) this.changes.settle(key)\n',
    why: 'The insert that the row stood against finds nothing in its way.',
    seeds: 60,
  },
  {
    name: 'own-presumptions-removed',
    rule: 'A2',
    file: 'src/log/participant/table-state.ts',
    find: 'filter(({ epoch }) => epoch < this.#epoch)',
    replace: 'filter(({ epoch }) => epoch <= this.#epoch)',
    why: 'A branch that had not begun at the server commits when the row against it is gone.',
    seeds: 1_000,
  },
  {
    name: 'presumption-removed-without-proof',
    rule: 'A2',
    file: 'src/simulation/database/decisions/server.ts',
    find: 'isPresumed(row) && isProved(row, log, isOpen)',
    replace: 'isPresumed(row) && isOpen(row.decision) === false',
    why: 'A presumed row goes while a transaction is open that may yet insert a decision.',
    seeds: 200,
  },
  {
    name: 'lost-slot-taken-for-kept',
    rule: 'A8',
    file: 'src/log/participant/lease.ts',
    find: 'session.log.identity !== request.identity || session.log.epoch !== epoch',
    replace: 'session.log.identity !== request.identity || session.log.epoch < epoch',
    why: 'After the loss of its session a log goes on under its epoch, though another had the slot.',
    seeds: 300,
  },
  {
    name: 'epoch-not-raised',
    rule: 'A8',
    file: 'src/log/participant/open-slot.ts',
    find: '  const epoch = before + 1\n',
    replace: '  const epoch = Math.max(1, before)\n',
    why: 'A log that is opened again gives out the ids of the time before.',
    seeds: 30,
  },
  {
    name: 'lost-write-taken-for-done',
    rule: 'A3',
    file: 'src/log/participant/write-loop.ts',
    find: '      return this.#unknown(session, taken, cause)\n',
    replace: '      this.lease.lost(session)\n',
    why: 'A change whose answer was lost is told durable.',
    seeds: 60,
  },
  {
    name: 'lost-write-not-sent-again',
    rule: 'A3',
    file: 'src/log/participant/write-loop.ts',
    find: '    this.#options.state.changes.putBack(taken)\n',
    replace: '',
    why: 'What was being written when the session was lost is told durable with the next change.',
    seeds: 100,
  },
  {
    name: 'unfinished-row-not-recovered',
    rule: 'A10',
    file: 'src/log/participant/contents.ts',
    find: '  return state.find(row.transaction) !== undefined\n',
    replace:
      "  state.apply({ type: 'settled', transaction: row.transaction })\n" +
      '  return state.find(row.transaction) !== undefined\n',
    why: 'A decision that was durable and not delivered is forgotten by the next process.',
    seeds: 100,
  },
]

export const participantMutants: readonly Mutant[] = planted.map((mutant) => ({
  ...mutant,
  decisions: 'participant',
}))
