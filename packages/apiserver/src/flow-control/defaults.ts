/**
 * The flow schemas and priority levels that every cluster has: the mandatory ones, without which requests would have no
 * place to go, and the suggested ones (k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go).
 */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PriorityLevelConfiguration,
  ResourcePolicyRule,
  Subject,
} from '@canopus/api/flowcontrol/v1'
import type { Draft } from '@canopus/apimachinery'
import {
  ALL_AUTHENTICATED,
  ALL_SERVICE_ACCOUNTS,
  ALL_UNAUTHENTICATED,
  NODES_GROUP,
  PRIVILEGED_GROUP,
} from '../authn/user.ts'

/** `true`: the API server keeps the object's spec as it is here. */
export const AUTO_UPDATE = 'apf.kubernetes.io/autoupdate-spec'

export type LevelDraft = Draft<PriorityLevelConfiguration>
export type SchemaDraft = Draft<FlowSchema>

const metadata = (name: string) => ({ name, annotations: { [AUTO_UPDATE]: 'true' } })

function queued(name: string, shares: number, lendable: number, queues: number, handSize: number): LevelDraft {
  return {
    metadata: metadata(name),
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: shares,
        lendablePercent: lendable,
        limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } },
      },
    },
  }
}

export const MANDATORY_LEVELS: readonly LevelDraft[] = [
  {
    metadata: metadata('catch-all'),
    spec: {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
    },
  },
  {
    metadata: metadata('exempt'),
    spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  },
]

export const SUGGESTED_LEVELS: readonly LevelDraft[] = [
  queued('system', 30, 33, 64, 6),
  queued('node-high', 40, 25, 64, 6),
  queued('leader-election', 10, 0, 16, 4),
  queued('workload-high', 40, 50, 128, 6),
  queued('workload-low', 100, 90, 128, 6),
  queued('global-default', 20, 50, 128, 6),
]

const groups = (...names: string[]): Subject[] => names.map(name => ({ kind: 'Group', group: { name } }))
const users = (...names: string[]): Subject[] => names.map(name => ({ kind: 'User', user: { name } }))
const kubeSystemAccounts: Subject[] = [
  { kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: 'kube-system' } },
]
const everybody = groups(ALL_UNAUTHENTICATED, ALL_AUTHENTICATED)

const resources = (
  verbs: string[],
  apiGroups: string[],
  names: string[],
  clusterScope: boolean,
): ResourcePolicyRule => ({
  verbs,
  apiGroups,
  resources: names,
  ...(clusterScope ? { clusterScope } : {}),
  namespaces: ['*'],
})
const ALL_RESOURCES = [resources(['*'], ['*'], ['*'], true)]
const ALL_PATHS: NonResourcePolicyRule[] = [{ verbs: ['*'], nonResourceURLs: ['*'] }]

interface Facts {
  level: string
  precedence: number
  by?: 'ByUser' | 'ByNamespace'
  subjects: Subject[]
  resourceRules?: ResourcePolicyRule[]
  nonResourceRules?: NonResourcePolicyRule[]
}

function schema(name: string, facts: Facts): SchemaDraft {
  const { level, precedence, by, subjects, resourceRules, nonResourceRules } = facts
  return {
    metadata: metadata(name),
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence: precedence,
      ...(by === undefined ? {} : { distinguisherMethod: { type: by } }),
      rules: [
        {
          subjects,
          ...(resourceRules === undefined ? {} : { resourceRules }),
          ...(nonResourceRules === undefined ? {} : { nonResourceRules }),
        },
      ],
    },
  }
}

const EVERYTHING = { resourceRules: ALL_RESOURCES, nonResourceRules: ALL_PATHS }

export const MANDATORY_SCHEMAS: readonly SchemaDraft[] = [
  schema('exempt', { level: 'exempt', precedence: 1, subjects: groups(PRIVILEGED_GROUP), ...EVERYTHING }),
  schema('catch-all', {
    level: 'catch-all',
    precedence: 10_000,
    by: 'ByUser',
    subjects: everybody,
    ...EVERYTHING,
  }),
]

const CONTROLLER_MANAGER = 'system:kube-controller-manager'
const SCHEDULER = 'system:kube-scheduler'
const LEASES = 'coordination.k8s.io'

export const SUGGESTED_SCHEMAS: readonly SchemaDraft[] = [
  schema('system-nodes', {
    level: 'system',
    precedence: 500,
    by: 'ByUser',
    subjects: groups(NODES_GROUP),
    ...EVERYTHING,
  }),
  schema('system-node-high', {
    level: 'node-high',
    precedence: 400,
    by: 'ByUser',
    subjects: groups(NODES_GROUP),
    resourceRules: [
      resources(['*'], [''], ['nodes', 'nodes/status'], true),
      resources(['*'], [LEASES], ['leases'], false),
    ],
  }),
  schema('probes', {
    level: 'exempt',
    precedence: 2,
    subjects: everybody,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  schema('system-leader-election', {
    level: 'leader-election',
    precedence: 100,
    by: 'ByUser',
    subjects: [...users(CONTROLLER_MANAGER, SCHEDULER), ...kubeSystemAccounts],
    resourceRules: [resources(['get', 'create', 'update'], [LEASES], ['leases'], false)],
  }),
  schema('kube-controller-manager', {
    level: 'workload-high',
    precedence: 800,
    by: 'ByNamespace',
    subjects: users(CONTROLLER_MANAGER),
    ...EVERYTHING,
  }),
  schema('kube-scheduler', {
    level: 'workload-high',
    precedence: 800,
    by: 'ByNamespace',
    subjects: users(SCHEDULER),
    ...EVERYTHING,
  }),
  schema('kube-system-service-accounts', {
    level: 'workload-high',
    precedence: 900,
    by: 'ByNamespace',
    subjects: kubeSystemAccounts,
    ...EVERYTHING,
  }),
  schema('service-accounts', {
    level: 'workload-low',
    precedence: 9000,
    by: 'ByUser',
    subjects: groups(ALL_SERVICE_ACCOUNTS),
    ...EVERYTHING,
  }),
  schema('global-default', {
    level: 'global-default',
    precedence: 9900,
    by: 'ByUser',
    subjects: everybody,
    ...EVERYTHING,
  }),
]
