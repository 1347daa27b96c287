import { ServiceAccounts } from '@canopus/api'
import type { Container, Pod, ServiceAccount, Volume, VolumeMount } from '@canopus/api/core/v1'
import { type Random, randomInt, sleep } from '@canopus/base'
import { PROJECTED_TOKEN_SECONDS } from '../authn/service-account-issuer.ts'
import { visitPodReferences } from '../authz/pod-references.ts'
import type { AdmissionAttributes, AdmissionPlugin, Maybe } from '../security.ts'
import { checkMountableSecrets } from './mountable-secrets.ts'
import { type AdmissionContext, isMirrorPod, podOf, refusal } from './shared.ts'

const DEFAULT_ACCOUNT = 'default'
const VOLUME_NAME = 'kube-api-access'
/** Where every program of a pod finds its credentials. */
export const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'
/** Milliseconds to wait for the default account of a namespace that was just made. */
const WAIT_FOR_DEFAULT = 1_500

/** Gives pods their service account, its token and its image pull secrets (plugin/pkg/admission/serviceaccount). */
export function serviceAccount(context: AdmissionContext): AdmissionPlugin {
  const find = (attributes: AdmissionAttributes, name: string): Maybe<ServiceAccount> =>
    context.objects.get(ServiceAccounts, name, attributes.namespace) ?? findFresh(context, attributes, name)

  function check(attributes: AdmissionAttributes, account: ServiceAccount): void {
    const wrong = checkMountableSecrets(account, podOf(attributes), attributes.subresource === 'ephemeralcontainers')
    if (wrong !== undefined) throw refusal(attributes, wrong)
  }

  return {
    name: 'ServiceAccount',
    operations: ['CREATE', 'UPDATE'],
    resources: ['/pods', '/pods/ephemeralcontainers'],
    mutate(attributes) {
      const pod = podOf(attributes)
      const spec = pod.spec
      if (attributes.operation !== 'CREATE' || attributes.subresource !== '' || spec === undefined) return
      if (isMirrorPod(pod)) return
      spec.serviceAccountName ||= spec.serviceAccount || DEFAULT_ACCOUNT
      spec.serviceAccount = spec.serviceAccountName
      const account = find(attributes, spec.serviceAccountName)
      return account instanceof Promise
        ? account.then(found => equip(pod, found, context.random))
        : equip(pod, account, context.random)
    },
    validate(attributes) {
      const pod = podOf(attributes)
      if (attributes.operation !== 'CREATE' && attributes.subresource !== 'ephemeralcontainers') return
      if (attributes.operation === 'CREATE' && isMirrorPod(pod)) return checkMirrorPod(attributes)
      const name = pod.spec?.serviceAccountName
      if (!name) {
        throw refusal(
          attributes,
          `no service account specified for pod ${attributes.namespace}/${pod.metadata.name ?? ''}`,
        )
      }
      const account = find(attributes, name)
      return account instanceof Promise ? account.then(found => check(attributes, found)) : check(attributes, account)
    },
  }
}

/** Looks in the store; the default account of a new namespace is waited for, since a controller makes it. */
async function findFresh(
  { objects, clock }: AdmissionContext,
  attributes: AdmissionAttributes,
  name: string,
): Promise<ServiceAccount> {
  const { namespace } = attributes
  for (let waited = 0, pause = 5; ; waited += pause, pause = Math.min(pause * 2, 200)) {
    const account = await objects.getFresh(ServiceAccounts, name, namespace)
    if (account !== undefined) return account
    if (name !== DEFAULT_ACCOUNT || waited >= WAIT_FOR_DEFAULT) {
      const cause = `serviceaccount ${JSON.stringify(name)} not found`
      throw refusal(attributes, `error looking up service account ${namespace}/${name}: ${cause}`)
    }
    await sleep(clock, pause)
  }
}

function equip(pod: Pod, account: ServiceAccount, random: Random): void {
  const spec = pod.spec!
  if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod, random)
  if ((spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0) {
    spec.imagePullSecrets = account.imagePullSecrets!.map(({ name }) => ({ ...(name === undefined ? {} : { name }) }))
  }
}

function mountToken(pod: Pod, random: Random): void {
  const spec = pod.spec!
  const existing = spec.volumes?.find(volume => volume.name.startsWith(`${VOLUME_NAME}-`))
  const name = existing?.name ?? `${VOLUME_NAME}-${nameSuffix(random)}`
  const mount: VolumeMount = { name, readOnly: true, mountPath: MOUNT_PATH }
  let needed = false
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    needed = addMount(container, mount) || needed
  }
  if (existing === undefined && needed) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)]
}

/** A container that mounts something there by itself keeps it. */
function addMount(container: Container, mount: VolumeMount): boolean {
  if (container.volumeMounts?.some(each => each.mountPath === MOUNT_PATH)) return false
  container.volumeMounts = [...(container.volumeMounts ?? []), { ...mount }]
  return true
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: PROJECTED_TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 0o644,
    },
  }
}

/** Letters and digits of generated names (k8s.io/apimachinery/pkg/util/rand): none that could form a word. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

function nameSuffix(random: Random): string {
  return Array.from({ length: 5 }, () => ALPHABET[randomInt(random, ALPHABET.length)]).join('')
}

/** A node may not gain access to anything through a pod that it only reports. */
function checkMirrorPod(attributes: AdmissionAttributes): void {
  const pod = podOf(attributes)
  if (pod.spec?.serviceAccountName) throw refusal(attributes, 'a mirror pod may not reference service accounts')
  visitPodReferences(pod, kind => {
    if (kind === 'secrets') throw refusal(attributes, 'a mirror pod may not reference secrets')
  })
  if (pod.spec?.volumes?.some(volume => volume.projected?.sources?.some(source => source.serviceAccountToken))) {
    throw refusal(attributes, 'a mirror pod may not use ServiceAccountToken volume projections')
  }
}
