/** A peer that is no transaction manager; its argument says what it does instead. */
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import type { Behaviour } from './fake-peer.ts'

const behaviour = process.argv[2] as Behaviour
const say = (answer: unknown): boolean => process.stdout.write(`${JSON.stringify(answer)}\n`)

if (behaviour === 'does-not-start') endWith(3, 'no place for a log')
say({ ready: behaviour })

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break
  const [, work, inFlight, seconds] = line.split(' ')
  switch (behaviour) {
    case 'fails':
      say({ error: `${work} can't be done` })
      break
    case 'dies':
      endWith(7, 'out of memory')
      break
    case 'mumbles':
      process.stdout.write('well, about a thousand\n')
      break
    default: {
      const figures = { seconds: Number(seconds), cpuSeconds: 0.25, forcedWrites: 5 }
      say({ transactions: 10 * Number(inFlight), ...figures })
    }
  }
}
// Like a program of which a thread is left over.
if (behaviour === 'lingers') createServer().listen(0, '127.0.0.1')

function endWith(exitCode: number, words: string): void {
  process.stderr.write(`${words}\n`)
  process.exit(exitCode)
}
