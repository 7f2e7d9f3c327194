/** A process for the tests of the lock: takes it, says whether it has it, and waits to be ended. */
import { lockFile } from '../../src/node/disk-lock.ts'

const path = process.argv[2] ?? ''
const lock = await lockFile(path)
process.stdout.write(lock === undefined ? 'busy\n' : 'held\n')
if (lock !== undefined) process.stdin.resume()
