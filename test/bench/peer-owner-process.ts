/** Starts a peer that does not end by itself, says its pid, and exits as after Ctrl-C. */
import { Peer } from '../../bench/peers/peer.ts'
import { fakePeer } from './fake-peer.ts'

const peer = await Peer.start(fakePeer('lingers'))
process.stdout.write(`${peer.pid}\n`)
process.exit(130)
