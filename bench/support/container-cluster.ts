import { rmSync } from 'node:fs'
import { TestCluster } from '../../e2e/support/cluster.ts'
import { type ClusterProcess, findProcesses, markOf } from '../../packages/cli/src/cluster/processes.ts'
import { type Client, createClient } from '../../packages/client/src/index.ts'
import { createKubeconfigTransport } from '../../packages/host/src/index.ts'

/** The image that pods of benchmarks run, and a command that needs nothing. */
export const IMAGE = 'busybox'
export const COMMAND = ['sleep', '1000000']

let clusters = 0

/** A real cluster that `work` may use; removed whatever happens. It is not up yet. */
export async function withCluster<T>(work: (cluster: TestCluster) => Promise<T>): Promise<T> {
  const cluster = new TestCluster(`bench-${process.pid}-${clusters++}`)
  try {
    return await work(cluster)
  } finally {
    await cluster.remove().finally(() => rmSync(cluster.home, { recursive: true, force: true }))
  }
}

/** As the administrator of a cluster that is up. */
export async function withClient<T>(cluster: TestCluster, work: (client: Client) => Promise<T>): Promise<T> {
  const transport = createKubeconfigTransport(cluster.kubeconfig)
  try {
    return await work(createClient(transport))
  } finally {
    transport.close()
  }
}

/** Everything of a cluster that is Canopus': components and supervisors, not containerd and its shims. */
export function ownProcesses(cluster: TestCluster): ClusterProcess[] {
  return findProcesses(markOf(cluster.description())).filter(
    ({ component, program }) => !program.startsWith('containerd') && !/^node\/.*\/containerd$/.test(component),
  )
}
