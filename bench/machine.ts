/** What the figures were measured on, in one line. */
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

export function describeMachine(): string {
  const model = cpus()[0]?.model.trim().replaceAll(/\s+/g, ' ') ?? 'an unknown processor'
  const memory = (totalmem() / 2 ** 30).toFixed(0)
  const busy = (loadavg()[0] ?? 0).toFixed(1)
  return (
    `${availableParallelism()} x ${model}, ${memory} GiB, ${type()} ${release()}, ` +
    `Node ${process.versions.node}; load before the run ${busy}`
  )
}
