/** A process that tries to lock slot 0 of the database it is told, says so, and stays. */
import pg from 'pg'

import { TestedParticipant } from '../../harness/postgres-branches.ts'
import { identity, installation, tableOf } from './tested-decisions.ts'

const tested = await TestedParticipant.open(new pg.Pool({ connectionString: process.argv[2] }))
const session = await tableOf(tested, false).lock({ installation, slot: 0, identity })
process.stdout.write(session === undefined ? 'taken\n' : 'locked\n')
process.stdin.resume()
