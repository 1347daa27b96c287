/** Workloads after upstream's scheduler_perf (test/integration/scheduler_perf): what nodes there are, and which pods come. */

export interface Workload {
  /** Pods that are there before the clock starts, then those that count. */
  readonly before: number
  readonly measured: number
  node(index: number): NodeDraft
  pod(index: number, measured: boolean): PodDraft
  /** Claims and volumes for each of the measured pods; a CSI driver on each node. */
  readonly volumes?: true
  /** A service selects all pods. */
  readonly service?: true
  /** What happens meanwhile: a node, a pod and a service come and go each second, or a pod comes each 200 ms. */
  readonly churn?: 'recreate' | PodDraft
}

export interface NodeDraft {
  readonly labels: Record<string, string>
}

export interface PodDraft {
  readonly labels?: Record<string, string>
  readonly requests: Record<string, string>
  readonly spec?: Record<string, unknown>
}

const ZONE = 'topology.kubernetes.io/zone'
const HOST = 'kubernetes.io/hostname'
const small = { cpu: '100m', memory: '500Mi' }
const plainNode = (): NodeDraft => ({ labels: {} })
const zoned =
  (zones: number) =>
  (index: number): NodeDraft => ({ labels: { [ZONE]: `zone${index % zones}` } })

const spreading = (whenUnsatisfiable: string): Workload => ({
  before: 5000,
  measured: 5000,
  node: zoned(3),
  pod: (_, measured) => ({
    labels: { color: measured ? 'blue' : 'red' },
    requests: small,
    ...(measured
      ? {
          spec: {
            topologySpreadConstraints: [
              { maxSkew: 5, topologyKey: ZONE, whenUnsatisfiable, labelSelector: { matchLabels: { color: 'blue' } } },
            ],
          },
        }
      : {}),
  }),
})

function near(kind: 'podAffinity' | 'podAntiAffinity', topologyKey: string, preferred: boolean): PodDraft['spec'] {
  const term = { topologyKey, labelSelector: { matchLabels: { color: 'blue' } } }
  return {
    affinity: {
      [kind]: preferred
        ? { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }] }
        : { requiredDuringSchedulingIgnoredDuringExecution: [term] },
    },
  }
}

function affinity(
  kind: 'podAffinity' | 'podAntiAffinity',
  topologyKey: string,
  preferred: boolean,
  counts: { before: number; measured: number },
): Workload {
  const spec = near(kind, topologyKey, preferred)!
  return { ...counts, node: zoned(1), pod: () => ({ labels: { color: 'blue' }, requests: small, spec }) }
}

const inZones = {
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: 'In', values: ['zone0', 'zone1'] }] }],
      },
    },
  },
}

const important = { priorityClassName: 'high' }
const preempting: PodDraft = { requests: { cpu: '3', memory: '500Mi' }, spec: important }
const preemptable: PodDraft = {
  requests: { cpu: '900m', memory: '500Mi' },
  spec: { terminationGracePeriodSeconds: 0 },
}
/** No node has room for it. */
export const tooBig: PodDraft = { requests: { cpu: '9', memory: '500Mi' }, spec: important }

export const workloads = {
  basic: { before: 1000, measured: 10_000, node: plainNode, pod: () => ({ requests: small }) },
  basicMany: { before: 5000, measured: 50_000, node: plainNode, pod: () => ({ requests: small }) },
  nodeAffinity: { before: 5000, measured: 10_000, node: zoned(1), pod: () => ({ requests: small, spec: inZones }) },
  spreading: spreading('DoNotSchedule'),
  preferredSpreading: spreading('ScheduleAnyway'),
  defaultSpreading: {
    before: 1000,
    measured: 5000,
    node: zoned(3),
    service: true,
    pod: () => ({ labels: { app: 'scheduler-perf' }, requests: small }),
  },
  podAffinity: affinity('podAffinity', ZONE, false, { before: 5000, measured: 5000 }),
  podAntiAffinity: affinity('podAntiAffinity', HOST, false, { before: 1000, measured: 2000 }),
  preferredAffinity: affinity('podAffinity', HOST, true, { before: 5000, measured: 5000 }),
  preferredAntiAffinity: affinity('podAntiAffinity', HOST, true, { before: 5000, measured: 5000 }),
  // Four pods fill a node up to 3.6 of 4 cores; three of them must go for one that preempts.
  preemption: {
    before: 20_000,
    measured: 5000,
    node: plainNode,
    pod: (_, measured) => (measured ? preempting : preemptable),
  },
  // The pods that count find room at any time; beside them come five pods a second that preempt others.
  preemptionAsync: {
    before: 20_000,
    measured: 5000,
    node: plainNode,
    churn: preempting,
    pod: (_, measured) => (measured ? { requests: small } : preemptable),
  },
  churn: { before: 0, measured: 10_000, node: plainNode, churn: 'recreate', pod: () => ({ requests: small }) },
  unschedulable: { before: 100, measured: 10_000, node: plainNode, churn: tooBig, pod: () => ({ requests: small }) },
  csi: { before: 0, measured: 5000, node: plainNode, volumes: true, pod: () => ({ requests: small }) },
} satisfies Record<string, Workload>

export type WorkloadName = keyof typeof workloads
