/** `assent/config`: one file that says what an installation is, for the application and the tools. */
export {
  type Configuration,
  defineConfig,
  type FromEnvironment,
  type MysqlConfiguration,
  type PostgresConfiguration,
  type ResourceConfiguration,
} from './config/configuration.ts'
export { type FindOptions, type LoadedConfiguration, loadConfiguration } from './config/load.ts'
export {
  type OpenConfiguredOptions,
  type OpenedConfiguration,
  openConfigured,
} from './config/open.ts'
