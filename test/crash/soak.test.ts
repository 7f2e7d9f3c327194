/**
 * Workers and databases that are killed at random, for as long as it is asked for, from a seed.
 *
 *     ASSENT_SOAK_SECONDS=600 npm test -- test/crash/soak.test.ts
 *
 * A seed gives the same faults in the same order; the moments in between are the machine's own.
 */
import { crashSuite } from './crash-suite.ts'
import { testSoak } from './soak.ts'

const seconds = Number(process.env.ASSENT_SOAK_SECONDS ?? 8)

await crashSuite('processes and databases killed at random', (suite) => testSoak(suite, seconds))
