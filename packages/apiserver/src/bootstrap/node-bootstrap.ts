import { ClusterRoleBindings, Secrets } from '@canopus/api'
import type { ClusterRoleBinding } from '@canopus/api/rbac/v1'
import type { Draft } from '@canopus/apimachinery'
import type { Clock, Random } from '@canopus/base'
import type { Client } from '@canopus/client'
import { reconcileObjects } from './ensure.ts'
import { reconcileBinding } from './reconcile-roles.ts'

const RBAC = 'rbac.authorization.k8s.io'
const SIGNING = 'system:certificates.k8s.io:certificatesigningrequests'

/** What lets machines join by themselves; the bindings that kubeadm makes, under our own names. */
const BINDINGS: readonly [name: string, role: string, group: string][] = [
  ['canopus:kubelet-bootstrap', 'system:node-bootstrapper', 'system:bootstrappers'],
  ['canopus:node-autoapprove-bootstrap', `${SIGNING}:nodeclient`, 'system:bootstrappers'],
  ['canopus:node-autoapprove-certificate-rotation', `${SIGNING}:selfnodeclient`, 'system:nodes'],
]

/** Lets holders of bootstrap tokens ask for a node's certificate and get it, and nodes renew theirs. */
export async function ensureNodeBootstrap(client: Client): Promise<void> {
  const wanted = BINDINGS.map(
    ([name, role, group]): Draft<ClusterRoleBinding> => ({
      metadata: { name },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: RBAC, kind: 'Group', name: group }],
    }),
  )
  await reconcileObjects(client, ClusterRoleBindings, wanted, reconcileBinding)
}

export interface BootstrapTokenOptions {
  clock: Clock
  /** Must be unpredictable. */
  random: Random
  /** Milliseconds; a day where missing. */
  validity?: number
  description?: string
}

/** Makes a token with which a machine can join for a while, and keeps it as a secret. Answers `<id>.<secret>`. */
export async function createBootstrapToken(client: Client, options: BootstrapTokenOptions): Promise<string> {
  const id = letters(options.random, 6)
  const secret = letters(options.random, 16)
  const expiration = new Date(options.clock.now() + (options.validity ?? 24 * 3_600_000)).toISOString()
  const facts: Record<string, string> = {
    'token-id': id,
    'token-secret': secret,
    expiration: expiration.replace(/\.\d+Z$/, 'Z'),
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    ...(options.description === undefined ? {} : { description: options.description }),
  }
  await client.resource(Secrets).create({
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  })
  return `${id}.${secret}`
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Letters from the bytes of `random`, each as likely as the others. */
function letters(random: Random, length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of random.bytes(length)) {
      if (byte < 252 && text.length < length) text += ALPHABET[byte % ALPHABET.length]
    }
  }
  return text
}
