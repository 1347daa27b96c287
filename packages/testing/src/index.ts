export { runSimulatedNodes, type SimulatedNodesOptions } from './simulated-nodes.ts'
export { type StartClusterOptions, startCluster, type TestCluster } from './start-cluster.ts'
