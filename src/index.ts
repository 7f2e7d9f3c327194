/** `assent`: one change across several databases, everywhere or nowhere. */
export type { Resolution } from './coordinator/administration.ts'
export type { BatchEntry, BatchesFor, BatchMap, Executed } from './coordinator/batches.ts'
export type { CloseReport } from './coordinator/closing.ts'
export type { Coordinator } from './coordinator/coordinator.ts'
export type { StateChange } from './coordinator/events.ts'
export type {
  ClientsOf,
  NameOf,
  Propagation,
  ResourceMap,
  RetryOptions,
  TransactionOptions,
} from './coordinator/options.ts'
export type { PendingBranch, PendingTransaction } from './coordinator/pending.ts'
export type { ProtocolName } from './coordinator/recordable.ts'
export type { Transacted } from './coordinator/run.ts'
export type { Transaction } from './coordinator/scope.ts'
export type { Settings } from './coordinator/settings.ts'
export type { Sighting } from './coordinator/sweep.ts'
export type { Decision, HeuristicKind, Outcome } from './core/decision.ts'
export {
  type CatalogueEntry,
  type Effect,
  type ErrorCode,
  errorCatalogue,
  type RetryAdvice,
} from './core/error-catalogue.ts'
export {
  AssentError,
  type ErrorFields,
  type HeuristicReport,
  isAssentError,
  type VoteReport,
} from './core/errors.ts'
export {
  type FindingEntry,
  type FindingId,
  findingCatalogue,
  type Severity,
} from './core/finding-catalogue.ts'
export type { Finding, ReportedFinding } from './core/findings.ts'
export type { BranchId, LogIdentity, TransactionId } from './core/ids.ts'
export type { PlatformSignal, Signal } from './core/ports.ts'
export type { DoctorReport, LogReport, ResourceReport } from './doctor/doctor.ts'
export type { DoctorOptions } from './doctor/options.ts'
export type { LogStatistics, Signature } from './log/contract.ts'
export { type OpenCoordinatorOptions, openCoordinator } from './node/open-coordinator.ts'
export type {
  Acknowledgement,
  BatchBranch,
  BatchStatement,
  BeginOptions,
  Branch,
  ClientOf,
  Diagnosis,
  DiagnosisRequest,
  FailedStatement,
  FinishableBranch,
  LogOwner,
  OnePhaseResult,
  Participant,
  ParticipantPorts,
  PreparedBranch,
  RecoveredBranchOptions,
  ResourceCheck,
  ResultOf,
  Savepoint,
  Vote,
} from './participants/contract.ts'
export {
  type CustomBeginOptions,
  type CustomBranch,
  type CustomLastResource,
  type CustomParticipant,
  custom,
  type HeuristicEnd,
  lastResource,
} from './participants/custom/custom.ts'
export type { BranchPhase, Phase } from './protocol/two-phase/state.ts'
