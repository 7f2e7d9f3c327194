/**
 * A process that opens a coordinator and never closes it: it must end by itself all the same. Its
 * argument is the log directory; with `--without-directories`, none can be made for the socket.
 */
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const [log = '', ...flags] = process.argv.slice(2)
if (flags.includes('--without-directories')) {
  // A mock: no file system at hand refuses sockets to root.
  const refuse = async (): Promise<never> => {
    throw Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' })
  }
  fs.mkdtemp = refuse as unknown as typeof fs.mkdtemp
  fs.mkdir = refuse as unknown as typeof fs.mkdir
  syncBuiltinESMExports()
}
const { openShop } = await import('./shop.ts')
await openShop(log)
process.stdout.write('open\n')
