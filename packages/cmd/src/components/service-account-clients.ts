import { ServiceAccounts } from '@canopus/api'
import type { TokenRequest } from '@canopus/api/authentication/v1'
import { hasReason } from '@canopus/apimachinery'
import { type Client, createClient, type Transport } from '@canopus/client'
import { createHttpsTransport, readKubeconfigUser } from '@canopus/host'
import { systemClock } from '@canopus/platform'

const NAMESPACE = 'kube-system'
const SECONDS = 3600

/** Controllers whose service account has another name than they themselves (pkg/controllermanager names and policies). */
const ACCOUNTS: Readonly<Record<string, string>> = {
  'serviceaccount-controller': 'service-account-controller',
  'root-ca-certificate-publisher-controller': 'root-ca-cert-publisher',
  'replicationcontroller-controller': 'replication-controller',
  'service-cidr-controller': 'service-cidrs-controller',
  'endpoints-controller': 'endpoint-controller',
  'endpointslice-mirroring-controller': 'endpointslicemirroring-controller',
  'garbage-collector-controller': 'generic-garbage-collector',
  'pod-garbage-collector-controller': 'pod-garbage-collector',
  'node-ipam-controller': 'node-controller',
  'node-lifecycle-controller': 'node-controller',
  'taint-eviction-controller': 'node-controller',
  'daemonset-controller': 'daemon-set-controller',
  'persistentvolume-binder-controller': 'persistent-volume-binder',
  'persistentvolume-attach-detach-controller': 'attachdetach-controller',
  'persistentvolume-expander-controller': 'expand-controller',
  'persistentvolumeclaim-protection-controller': 'pvc-protection-controller',
  'persistentvolume-protection-controller': 'pv-protection-controller',
  'horizontal-pod-autoscaler-controller': 'horizontal-pod-autoscaler',
  'service-lb-controller': 'service-controller',
  'resourceclaim-controller': 'resource-claim-controller',
  'token-cleaner-controller': 'token-cleaner',
  'bootstrap-signer-controller': 'bootstrap-signer',
  'node-route-controller': 'route-controller',
  'cloud-node-lifecycle-controller': 'node-controller',
  'legacy-serviceaccount-token-cleaner-controller': 'legacy-service-account-token-cleaner',
  'certificatesigningrequest-approving-controller': 'certificate-controller',
  'certificatesigningrequest-signing-controller': 'certificate-controller',
  'certificatesigningrequest-cleaner-controller': 'certificate-controller',
}

/** Makes tokens of service accounts itself, so it cannot work as one. */
const OWN_IDENTITY = ['serviceaccount-token-controller']

export interface ServiceAccountClients {
  of(controller: string): Client
  close(): void
}

/**
 * Clients that work as each controller's own service account in kube-system, with tokens that the manager asks for
 * (`--use-service-account-credentials`; controller-manager/pkg/clientbuilder).
 */
export function createServiceAccountClients(kubeconfig: string, manager: Client): ServiceAccountClients {
  const { server, ca } = readKubeconfigUser(kubeconfig)
  const base = createHttpsTransport({ server, ...(ca === undefined ? {} : { ca }) })
  const clients = new Map<string, Client>()
  return {
    of(controller) {
      if (OWN_IDENTITY.includes(controller)) return manager
      const account = ACCOUNTS[controller] ?? controller
      let client = clients.get(account)
      if (client === undefined) {
        client = createClient(withToken(base, tokenSource(manager, account)), { userAgent: 'kube-controller-manager' })
        clients.set(account, client)
      }
      return client
    },
    close: () => base.close(),
  }
}

function withToken(base: Transport, token: () => Promise<string>): Transport {
  return {
    send: async request =>
      base.send({ ...request, headers: { ...request.headers, authorization: `Bearer ${await token()}` } }),
  }
}

/** The account's token, asked for anew after four fifths of its life. The account is made where it is missing. */
function tokenSource(manager: Client, account: string): () => Promise<string> {
  let current: Promise<string> | undefined
  let until = 0
  const request = async (): Promise<string> => {
    const accounts = manager.resource(ServiceAccounts)
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: SECONDS },
    }
    const ask = (): Promise<TokenRequest> =>
      accounts.subresource(account, 'token', body, { namespace: NAMESPACE, method: 'POST' })
    try {
      return (await ask()).status?.token ?? ''
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error
      await accounts.create({ metadata: { name: account, namespace: NAMESPACE } }).catch((failure: unknown) => {
        if (!hasReason(failure, 'AlreadyExists')) throw failure
      })
      return (await ask()).status?.token ?? ''
    }
  }
  return () => {
    if (current === undefined || systemClock.monotonic() > until) {
      until = systemClock.monotonic() + SECONDS * 1000 * 0.8
      current = request()
      current.catch(() => {
        current = undefined
      })
    }
    return current
  }
}
