import { invalid, required, validateLabelSelector } from '@canopus/apimachinery'
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  VolumeProjection,
} from '../../../generated/core.v1.ts'
import { checkFileMode, checkLocalPath, type Errors, push } from '../../shared/check.ts'
import { checkFieldRef, checkResourceFieldRef } from './validate-env.ts'

const VOLUME_FIELDS = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid']

export function checkKeysToPaths(errors: Errors, path: string, items: readonly KeyToPath[]): void {
  for (let i = 0; i < items.length; i++) {
    const { key, path: file, mode } = items[i]!
    if (!key) errors.push(required(`${path}[${i}].key`))
    if (!file) errors.push(required(`${path}[${i}].path`))
    else checkLocalPath(errors, `${path}[${i}].path`, file)
    checkFileMode(errors, `${path}[${i}].mode`, mode)
  }
}

/** One file of the downward API; upstream's path is that of the whole volume. */
export function checkDownwardFile(errors: Errors, path: string, file: DownwardAPIVolumeFile): void {
  if (!file.path) errors.push(required(`${path}.path`))
  else checkLocalPath(errors, `${path}.path`, file.path)
  if (file.fieldRef) {
    checkFieldRef(errors, `${path}.fieldRef`, file.fieldRef, VOLUME_FIELDS)
    if (file.resourceFieldRef) {
      errors.push(invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'))
    }
  } else if (file.resourceFieldRef) {
    checkResourceFieldRef(errors, `${path}.resourceFieldRef`, file.resourceFieldRef, true)
  } else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'))
  checkFileMode(errors, `${path}.mode`, file.mode)
}

export function checkProjected(errors: Errors, path: string, volume: ProjectedVolumeSource): void {
  checkFileMode(errors, `${path}.defaultMode`, volume.defaultMode)
  const paths = new Set<string>()
  const claim = (file: string | undefined, value: string): void => {
    if (!file) return
    if (paths.has(file)) errors.push(invalid(path, value, 'conflicting duplicate paths'))
    paths.add(file)
  }
  for (const [index, source] of (volume.sources ?? []).entries()) {
    const at = `${path}.sources[${index}]`
    if (checkSource(errors, path, at, source, claim) > 1) {
      errors.push(invalid(at, '', 'may not specify more than 1 volume type'))
    }
  }
}

type Claim = (file: string | undefined, value: string) => void

function checkSource(errors: Errors, path: string, at: string, source: VolumeProjection, claim: Claim): number {
  let sources = 0
  for (const kind of ['secret', 'configMap'] as const) {
    const from = source[kind]
    if (!from) continue
    sources++
    if (!from.name) errors.push(required(`${at}.${kind}.name`))
    checkKeysToPaths(errors, `${at}.${kind}.items`, from.items ?? [])
    for (const item of from.items ?? []) claim(item.path, from.name ?? '')
  }
  if (source.downwardAPI) {
    sources++
    for (const file of source.downwardAPI.items ?? []) {
      checkDownwardFile(errors, `${at}.downwardAPI`, file)
      claim(file.path, file.path)
    }
  }
  const token = source.serviceAccountToken
  if (token) {
    sources++
    const seconds = token.expirationSeconds ?? 0
    const field = `${at}.serviceAccountToken.expirationSeconds`
    if (seconds < 600) errors.push(invalid(field, seconds, 'may not specify a duration less than 10 minutes'))
    if (seconds > 2 ** 32) errors.push(invalid(field, seconds, 'may not specify a duration larger than 2^32 seconds'))
    if (!token.path) errors.push(required(`${path}.path`))
    else checkLocalPath(errors, `${path}.path`, token.path)
  }
  if (source.clusterTrustBundle) {
    sources++
    checkTrustBundle(errors, `${at}.clusterTrustBundle`, source.clusterTrustBundle)
    claim(source.clusterTrustBundle.path, source.clusterTrustBundle.path)
  }
  if (source.podCertificate) {
    sources++
    checkCertificate(errors, `${at}.podCertificate`, source.podCertificate)
    const { credentialBundlePath, keyPath, certificateChainPath } = source.podCertificate
    for (const file of [credentialBundlePath, keyPath, certificateChainPath]) claim(file, file ?? '')
  }
  return sources
}

function checkTrustBundle(
  errors: Errors,
  path: string,
  bundle: NonNullable<VolumeProjection['clusterTrustBundle']>,
): void {
  if (bundle.name !== undefined && bundle.signerName !== undefined) {
    errors.push(invalid(path, bundle, 'only one of name and signerName may be used'))
  } else if (bundle.name !== undefined) {
    if (bundle.name === '') errors.push(required(`${path}.name`, 'must be a valid object name'))
    if (bundle.labelSelector) {
      errors.push(
        invalid(`${path}.labelSelector`, bundle.labelSelector, 'labelSelector must be unset if name is specified'),
      )
    }
  } else if (bundle.signerName !== undefined) {
    if (bundle.signerName === '') errors.push(required(`${path}.signerName`, 'must be a valid signer name'))
    push(errors, validateLabelSelector(bundle.labelSelector, `${path}.labelSelector`))
  } else errors.push(required(path, 'either name or signerName must be specified'))
  if (!bundle.path) errors.push(required(`${path}.path`))
  else checkLocalPath(errors, `${path}.path`, bundle.path)
}

const KEY_TYPES = ['RSA3072', 'RSA4096', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519']
const HOUR = 3600
const LONGEST_CERTIFICATE = 91 * 24 * HOUR

function checkCertificate(errors: Errors, path: string, source: NonNullable<VolumeProjection['podCertificate']>): void {
  if (!source.signerName) errors.push(required(`${path}.signerName`))
  if (!KEY_TYPES.includes(source.keyType)) {
    const body = `Unsupported value: ${JSON.stringify(source.keyType ?? '')}: supported values: ${KEY_TYPES.map(each => `"${each}"`).join(', ')}`
    errors.push({ type: 'FieldValueNotSupported', field: `${path}.keyType`, body })
  }
  const seconds = source.maxExpirationSeconds
  if (seconds !== undefined && seconds < HOUR) {
    errors.push(invalid(`${path}.maxExpirationSeconds`, seconds, 'if provided, maxExpirationSeconds must be >= 3600'))
  } else if (seconds !== undefined && seconds > LONGEST_CERTIFICATE) {
    const text = `if provided, maxExpirationSeconds must be <= ${LONGEST_CERTIFICATE}`
    errors.push(invalid(`${path}.maxExpirationSeconds`, seconds, text))
  }
  const { credentialBundlePath, keyPath, certificateChainPath } = source
  if (!credentialBundlePath && !keyPath && !certificateChainPath) {
    errors.push(required(path, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath'))
  }
  for (const field of ['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const) {
    if (source[field]) checkLocalPath(errors, `${path}.${field}`, source[field])
  }
}
