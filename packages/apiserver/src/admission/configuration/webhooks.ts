/** WebhookAdmissionConfiguration: as whom webhooks are called (k8s.io/apiserver/pkg/admission/plugin/webhook/config). */
import { isAbsolute } from 'node:path'
import { fieldErrorText, forbidden, invalid } from '@canopus/apimachinery'
import { checkConfiguration, type FieldTree } from '../../configuration/read.ts'
import { credentialsByHost, type WebhookCredentialsFor } from '../../webhook/credentials.ts'

const MANIFESTS = { staticManifestsDir: true } as const satisfies FieldTree
const FIELDS = { kubeConfigFile: true, ...MANIFESTS } as const satisfies FieldTree
const KINDS = { WebhookAdmissionConfiguration: ['apiserver.config.k8s.io/v1'] }

/** Whom webhooks are told that calls them, by host. Throws where the configuration is wrong or the kubeconfig cannot be read. */
export function readWebhookConfiguration(value: unknown, readFile: (path: string) => string): WebhookCredentialsFor {
  const object = checkConfiguration(value, 'WebhookAdmissionConfiguration', KINDS, FIELDS)
  const path = (object.kubeConfigFile as string | null | undefined) ?? ''
  if (path !== '' && !isAbsolute(path)) {
    throw new Error(fieldErrorText(invalid('kubeConfigFile', path, 'must be an absolute file path')))
  }
  checkManifests(object)
  return path === '' ? () => undefined : credentialsByHost(path, readFile)
}

/** Policies have but the field of a feature that is off. Throws where it is given. */
export function checkPolicyConfiguration(kind: string, value: unknown): Record<string, never> {
  checkManifests(checkConfiguration(value, kind, { [kind]: ['apiserver.config.k8s.io/v1'] }, MANIFESTS))
  return {}
}

function checkManifests({ staticManifestsDir }: Record<string, unknown>): void {
  if (!staticManifestsDir) return
  const why = 'staticManifestsDir requires the ManifestBasedAdmissionControlConfig feature gate to be enabled'
  throw new Error(fieldErrorText(forbidden('staticManifestsDir', why)))
}
