/**
 * Bugs planted where a transaction is executed without a callback: in the engine, and in what an adapter
 * and its database have to do for it (the simulated ones stand for all).
 */
import type { Mutant } from './mutant.ts'

const execute = 'src/coordinator/execute.ts'
const batches = 'src/coordinator/batches.ts'
const batchBranch = 'src/simulation/database/batch-branch.ts'
const session = 'src/simulation/database/session.ts'

export const batchMutants: readonly Mutant[] = [
  {
    name: 'only-the-first-statement',
    rule: 'A1',
    file: 'src/coordinator/join.ts',
    find: '        : await participant.beginBatch(options, statements)\n',
    replace: '        : await participant.beginBatch(options, statements.slice(0, 1))\n',
    why: 'A branch is given less than its caller asked for, and commits that.',
    seeds: 80,
  },
  {
    name: 'statements-not-run-inside',
    rule: 'A1',
    file: execute,
    find: '    const isInside = scope === this.#around || scope.parent !== undefined\n',
    replace: '    const isInside = scope.parent !== undefined\n',
    why: 'Inside a transaction the statements are lost, for its branches have begun without them.',
    seeds: 60,
  },
  {
    name: 'prepares-inside-the-work',
    rule: 'A4',
    file: execute,
    find: '    return [resourceName, results ?? []] as const\n',
    replace: '    await handle?.prepare()\n    return [resourceName, results ?? []] as const\n',
    why: 'A branch is asked for its vote by a part of the work, and more work follows.',
    seeds: 60,
  },
  {
    name: 'results-forgotten',
    rule: 'program',
    file: batches,
    find: '? list?.[0] : list\n',
    replace: '? list?.[0] : list?.slice(1)\n',
    why: 'The caller of what has committed is not given all that its statements answered.',
    seeds: 20,
  },
  {
    name: 'results-of-the-first-attempt',
    rule: 'program',
    file: execute,
    find: '    this.#branches = await scope.branches([...batches.keys()], this.#options, whole)\n',
    replace:
      '    const begun = await scope.branches([...batches.keys()], this.#options, whole)\n' +
      '    if (this.#branches.length === 0) this.#branches = begun\n',
    why: 'After a retry the caller is given what was answered and rolled back.',
    seeds: 60,
    profile: 'contention',
  },
  {
    name: 'statements-of-the-first-attempt',
    rule: 'program',
    file: execute,
    find: "    if (typeof this.#given === 'function') this.#asked = this.#made(scope)\n",
    replace: '    if (this.#asked === nothingAsked) this.#asked = this.#made(scope)\n',
    why: 'A retry writes the id of a transaction that was rolled back.',
    seeds: 80,
    profile: 'contention',
  },
  {
    name: 'lost-results-are-given',
    rule: 'program',
    file: execute,
    find: '    if (results.length === this.#asked.batches.get(name)?.length) return results\n',
    replace: '    if (results.length >= 0) return results\n',
    why: 'The answer to a commit was lost, and its caller is given results that are not there.',
    seeds: 800,
  },
  {
    name: 'run-again-after-an-unknown-outcome',
    rule: 'A6',
    file: 'src/coordinator/retry.ts',
    find: '      if (count >= attempts || !(isConflict(error) || endedByConflict(error, live))) throw error\n',
    replace:
      "      const isUnknown = isAssentError(error, 'ASSENT_OUTCOME_UNKNOWN')\n" +
      '      const mayRetry = isUnknown || isConflict(error) || endedByConflict(error, live)\n' +
      '      if (count >= attempts || !mayRetry) throw error\n',
    why: 'What may have committed is done a second time.',
    seeds: 200,
  },
  {
    name: 'batch-prepared-before-it-answers',
    rule: 'A5',
    file: 'src/coordinator/voting.ts',
    find: '      () => handle.prepare(),\n',
    replace:
      '      () => {\n' +
      "        if (!('results' in handle)) return handle.prepare()\n" +
      '        void handle.prepare()\n' +
      "        return Promise.resolve<Vote>({ vote: 'yes', evidence: undefined })\n" +
      '      },\n',
    why: 'What was sent with its vote is taken for prepared before that is answered.',
    seeds: 20,
  },
  {
    name: 'failed-statement-votes-yes',
    rule: 'A5',
    file: batchBranch,
    find: '    return reply\n',
    replace: "    return { type: 'prepared', xid: 'none' }\n",
    why: 'A branch whose statement failed, and that is rolled back, is said to be prepared.',
    seeds: 60,
  },
  {
    name: 'lost-batch-is-refused',
    rule: 'A6',
    file: batchBranch,
    find: '    })\n    const replies',
    replace: "    }).catch((): Reply => ({ type: 'list', prepared: [] }))\n    const replies",
    why: 'The answer to the one message was lost, and that is taken for a no, or an abort.',
    seeds: 100,
  },
  {
    name: 'lost-batch-is-committed',
    rule: 'A6',
    file: batchBranch,
    find: '    })\n    const replies',
    replace: "    }).catch((): Reply => ({ type: 'done' }))\n    const replies",
    why: 'A commit that went with its statements was not answered, and is told done.',
    seeds: 80,
  },
  {
    name: 'lost-batch-sent-again',
    rule: 'A1',
    file: 'src/simulation/database/participant.ts',
    find: '    const { readOnly, timeLeftMs: lockTimeoutMs } = options\n',
    replace:
      '    const { readOnly, timeLeftMs: lockTimeoutMs } = options\n' +
      '    const request = start.connection.request.bind(start.connection)\n' +
      '    start.connection.request = (sent) =>\n' +
      '      request(sent).catch((lost: unknown) => {\n' +
      "        if (sent.type !== 'batch') throw lost\n" +
      '        const again = this.#connect()\n' +
      '        return again.request(sent).finally(() => again.close())\n' +
      '      })\n',
    why: 'The one message is sent again over another connection, under the id of the branch.',
    seeds: 80,
  },
  {
    name: 'batch-commits-at-its-vote',
    rule: 'A1',
    file: batchBranch,
    find: "      ending: ending.type === 'prepare' ? { type: 'prepare', evenIfEmpty: true } : ending,\n",
    replace: "      ending: ending.type === 'prepare' ? { type: 'commit' } : ending,\n",
    why: 'COMMIT travels with the statements of one branch of several.',
    seeds: 20,
  },
  {
    name: 'batch-goes-on-behind-a-failure',
    rule: 'A1',
    file: session,
    find:
      "        if (reply.type !== 'refused') return next()\n" +
      '        if (this.#work !== undefined) this.#work.hasFailed = true\n' +
      "        answer({ type: 'batch', replies })\n",
    replace: '        next()\n',
    why: 'What stands behind a statement that failed is run, PREPARE and COMMIT as well.',
    seeds: 100,
  },
  {
    name: 'absence-believed-while-a-batch-runs',
    rule: 'A6',
    file: batchBranch,
    find: '    return finish(id, act, evidence, connection.pid)\n',
    replace: '    return finish(id, act, evidence)\n',
    why: 'A branch is told rolled back while its statements wait for a lock, with PREPARE behind them.',
    seeds: 100,
    profile: 'hang',
  },
]
