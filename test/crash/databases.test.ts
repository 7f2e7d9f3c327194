/** Databases that fail in the middle of transactions, under workers that live on. */
import { crashSuite } from './crash-suite.ts'
import { databaseFailures, testDatabaseFailures } from './database-failures.ts'

await crashSuite('databases that fail', (suite) => testDatabaseFailures(suite, databaseFailures))
