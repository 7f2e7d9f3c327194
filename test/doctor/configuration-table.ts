/** Findings of a configuration file: how each is provoked, and how grave it is. */
import type { Configuration } from '../../src/config/configuration.ts'
import type { Provocation } from './examination.ts'

export interface ConfigurationProvocation extends Provocation {
  readonly resources: Configuration['resources']
}

export const ofConfigurations: readonly ConfigurationProvocation[] = [
  {
    id: 'secret-in-file',
    severity: 'notice',
    by: 'a password in a URL',
    at: 'orders',
    says: /^resources\.orders\.url has a password in it, in .*assent\.config\.json$/,
    command: /^url: \{ env: 'ORDERS_URL' \}/,
    resources: { orders: { kind: 'postgres', url: 'postgres://shop:geheim@db/orders' } },
  },
  {
    id: 'secret-in-file',
    severity: 'notice',
    by: 'a password among the parameters of the URL of `recovery`',
    at: 'orders',
    says: /^resources\.orders\.recovery\.url has a password in it, in /,
    command: /^url: \{ env: 'ORDERS_RECOVERY_URL' \}/,
    resources: {
      orders: {
        kind: 'postgres',
        url: { env: 'ORDERS_URL' },
        recovery: { url: 'postgres://shop@db/orders?password=geheim' },
      },
    },
  },
]
