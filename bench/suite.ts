import { apply } from './rows/apply.ts'
import { calls } from './rows/calls.ts'
import { cel } from './rows/cel.ts'
import { clusterUp } from './rows/cluster-up.ts'
import { create } from './rows/create.ts'
import { customCreate } from './rows/custom-create.ts'
import { definitions } from './rows/definitions.ts'
import { fanOut } from './rows/fan-out.ts'
import { get } from './rows/get.ts'
import { idle } from './rows/idle.ts'
import { kubectlApply } from './rows/kubectl-apply.ts'
import { large } from './rows/large.ts'
import { limits } from './rows/limits.ts'
import { list } from './rows/list.ts'
import { noisy } from './rows/noisy.ts'
import { pods } from './rows/pods.ts'
import { scheduler } from './rows/scheduler.ts'
import { schedulerCycle } from './rows/scheduler-cycle.ts'
import { simulatedCluster, simulatedDay } from './rows/simulated-cluster.ts'
import { startCluster } from './rows/start-cluster.ts'
import { store } from './rows/store.ts'
import { streams } from './rows/streams.ts'
import type { Benchmark } from './support/figure.ts'

/** Every benchmark, in the order of the table. */
export const suite: readonly Benchmark[] = [
  startCluster,
  clusterUp,
  pods,
  create,
  get,
  list,
  noisy,
  fanOut,
  streams,
  idle,
  store,
  calls,
  cel,
  apply,
  customCreate,
  kubectlApply,
  large,
  limits,
  definitions,
  schedulerCycle,
  scheduler,
  simulatedCluster,
  simulatedDay,
]
