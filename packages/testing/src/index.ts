export { ImpliedHeartbeats } from './implied-heartbeats.ts'
export { playScenario, type ScenarioReport } from './scenario/play.ts'
export { reportText } from './scenario/report-text.ts'
export { parseScenario, type Scenario, ScenarioError } from './scenario/scenario.ts'
export {
  runSimulatedNodes,
  type SimulatedNodeSpec,
  SimulatedNodes,
  type SimulatedNodesOptions,
} from './simulated-nodes.ts'
export { behaviourOf, type PodBehaviour, parseDuration, SIMULATION_ANNOTATIONS } from './simulated-pod.ts'
export { type ComponentName, SimulatedControlPlane } from './simulation/control-plane.ts'
export { failureText } from './simulation/failure-text.ts'
export { type FaultRates, Faults, NO_FAULTS, SOME_FAULTS } from './simulation/faults.ts'
export { History, type HistoryRecord } from './simulation/history.ts'
export { unfinished } from './simulation/invariants/convergence.ts'
export type { Invariant } from './simulation/invariants/invariant.ts'
export { allInvariants, InvariantWatcher, type Violation } from './simulation/invariants/watcher.ts'
export { isGood, type RunSeedOptions, runSeed, type SeedResult } from './simulation/run-seed.ts'
export { type Simulation, type SimulationOptions, startSimulation } from './simulation/start-simulation.ts'
export { type StartClusterOptions, startCluster, type TestCluster } from './start-cluster.ts'
