/** Calls to a simulated service: one message there, one back, and a limit on the silence. */
import type { Network } from '../network/network.ts'
import type { Actor, Scheduler } from '../scheduler.ts'
import type { Service, ServiceReply, ServiceRequest } from './service.ts'

const silenceMs = 700

export interface Remote {
  readonly network: Network
  readonly scheduler: Scheduler
  readonly client: Actor
  readonly service: Service
}

/** Rejects when no answer came in time: then nobody knows. */
export function call(remote: Remote, request: ServiceRequest): Promise<ServiceReply> {
  const { network, scheduler, client, service } = remote
  return new Promise((resolve, reject) => {
    if (!client.act(`${service.name}: ${request.type}`)) return
    scheduler.after(silenceMs, () => reject(new Error(`${service.name} did not answer`)), client)
    network.send(client, service.place, request.type, () => {
      service.take(request, client.name, (reply) => {
        network.send(service.place, client, `answer to ${request.type}`, () => resolve(reply))
      })
    })
  })
}
