/**
 * The shop as a process that a test kills. Its arguments are the log directory and what to make; it
 * says the ids, and then lives until it is killed.
 */
import { makeHeld, makeHeuristic, makeUndelivered, openShop } from './shop.ts'

const [log = '', ...wanted] = process.argv.slice(2)
const makers = { held: makeHeld, heuristic: makeHeuristic, undelivered: makeUndelivered }

const shop = await openShop(log)
for (const each of wanted) {
  const id = await makers[each as keyof typeof makers](shop)
  process.stdout.write(`${id}\n`)
}
process.stdout.write('ready\n')
process.stdin.resume()
