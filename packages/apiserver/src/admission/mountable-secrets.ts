import type { Container, EphemeralContainer, Pod, ServiceAccount } from '@canopus/api/core/v1'
import { parseGoBool } from '@canopus/apimachinery'

const ENFORCE = 'kubernetes.io/enforce-mountable-secrets'

/**
 * Where the account's annotation asks for it, a pod may use only secrets that the account lists. Says what is wrong, or
 * nothing. `onlyEphemeral` looks at ephemeral containers alone.
 */
export function checkMountableSecrets(account: ServiceAccount, pod: Pod, onlyEphemeral: boolean): string | undefined {
  if (!isTrue(account.metadata.annotations?.[ENFORCE])) return undefined
  const allowed = new Set((account.secrets ?? []).map(({ name }) => name))
  const who = `because service account ${account.metadata.name} does not reference that`
  const check = (containers: readonly (Container | EphemeralContainer)[] | undefined, word: string) => {
    for (const container of containers ?? []) {
      const found = firstSecret(container, allowed)
      if (found !== undefined) return `${word} ${container.name} with ${found} is not allowed ${who} secret`
    }
    return undefined
  }
  if (onlyEphemeral) return check(pod.spec?.ephemeralContainers, 'ephemeral container')
  for (const { secret } of pod.spec?.volumes ?? []) {
    if (secret !== undefined && !allowed.has(secret.secretName)) {
      return `volume with secret.secretName="${secret.secretName}" is not allowed ${who} secret`
    }
  }
  const inContainers = check(pod.spec?.initContainers, 'init container') ?? check(pod.spec?.containers, 'container')
  if (inContainers !== undefined) return inContainers
  const pull = new Set((account.imagePullSecrets ?? []).map(({ name }) => name))
  const index = (pod.spec?.imagePullSecrets ?? []).findIndex(({ name }) => !pull.has(name))
  if (index < 0) return undefined
  return `imagePullSecrets[${index}].name="${pod.spec?.imagePullSecrets?.[index]?.name}" is not allowed ${who} imagePullSecret`
}

function firstSecret(container: Container | EphemeralContainer, allowed: ReadonlySet<string | undefined>) {
  for (const { name, valueFrom } of container.env ?? []) {
    const secret = valueFrom?.secretKeyRef?.name
    if (secret !== undefined && !allowed.has(secret)) {
      return `envVar ${name} referencing secret.secretName="${secret}"`
    }
  }
  for (const { secretRef } of container.envFrom ?? []) {
    if (secretRef?.name !== undefined && !allowed.has(secretRef.name)) {
      return `envFrom referencing secret.secretName="${secretRef.name}"`
    }
  }
  return undefined
}

const isTrue = (value = ''): boolean => parseGoBool(value) === true
