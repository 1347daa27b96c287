import {
  checkDns1123Label,
  checkDns1123Subdomain,
  compareQuantities,
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
} from '@canopus/apimachinery'
import type { HostPathVolumeSource, Volume } from '../../../generated/core.v1.ts'
import {
  checkDescendingPath,
  checkFileMode,
  checkNoBacksteps,
  checkOptionalChoice,
  checkText,
  type Errors,
} from '../../shared/check.ts'
import { checkTemplateOnlyMetadata } from '../../shared/template-metadata.ts'
import { checkClaimTemplateSpec } from '../claim-validation.ts'
import { checkDownwardFile, checkKeysToPaths, checkProjected } from './validate-projection.ts'
import { remoteVolumes } from './validate-remote-volume.ts'

type Source = Exclude<keyof Volume, 'name'>
/** `podName` is missing for templates. */
type Check = (errors: Errors, path: string, volume: Volume, podName: string | undefined) => void

/** A check for every source; the order is the one in which upstream finds a second source too many. */
const SOURCES: readonly [Source, Check][] = [
  ['emptyDir', checkEmptyDir],
  ['hostPath', (errors, path, { hostPath }) => checkHostPath(errors, path, hostPath!)],
  ['gitRepo', checkGitRepo],
  ['gcePersistentDisk', remoteVolumes.gcePersistentDisk],
  ['awsElasticBlockStore', remoteVolumes.awsElasticBlockStore],
  ['secret', checkSecret],
  ['nfs', remoteVolumes.nfs],
  ['iscsi', remoteVolumes.iscsi],
  ['glusterfs', remoteVolumes.glusterfs],
  ['flocker', remoteVolumes.flocker],
  ['persistentVolumeClaim', checkClaim],
  ['rbd', remoteVolumes.rbd],
  ['cinder', remoteVolumes.cinder],
  ['cephfs', remoteVolumes.cephfs],
  ['quobyte', remoteVolumes.quobyte],
  ['downwardAPI', checkDownward],
  ['fc', remoteVolumes.fc],
  ['flexVolume', remoteVolumes.flexVolume],
  ['configMap', checkConfigMap],
  ['azureFile', remoteVolumes.azureFile],
  ['vsphereVolume', remoteVolumes.vsphereVolume],
  ['photonPersistentDisk', remoteVolumes.photonPersistentDisk],
  ['portworxVolume', remoteVolumes.portworxVolume],
  ['azureDisk', remoteVolumes.azureDisk],
  ['storageos', remoteVolumes.storageos],
  ['projected', (errors, path, { projected }) => checkProjected(errors, path, projected!)],
  ['scaleIO', remoteVolumes.scaleIO],
  ['csi', checkCsi],
  ['ephemeral', checkEphemeral],
  ['image', checkImage],
]
const CHECKS = new Map<string, Check>(SOURCES)

/** What upstream calls a source where it is one too many. */
const MISNAMED: Readonly<Record<string, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' }

/** Checks all volumes; answers those without findings, by name. */
export function checkVolumes(
  errors: Errors,
  path: string,
  volumes: readonly Volume[],
  podName: string | undefined,
): Map<string, Volume> {
  const good = new Map<string, Volume>()
  const made = new Set(podName ? volumes.filter(each => each.ephemeral).map(each => `${podName}-${each.name}`) : [])
  for (let i = 0; i < volumes.length; i++) {
    const volume = volumes[i]!
    const at = `${path}[${i}]`
    const before = errors.length
    checkSources(errors, at, volume, podName)
    if (!volume.name) errors.push(required(`${at}.name`))
    else checkText(errors, `${at}.name`, volume.name, checkDns1123Label)
    if (good.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name))
    if (errors.length === before) good.set(volume.name, volume)
    const claim = volume.persistentVolumeClaim?.claimName
    if (claim === undefined || !made.has(claim)) continue
    const text = 'must not reference a PVC that gets created for an ephemeral volume'
    errors.push(invalid(`${at}.persistentVolumeClaim.claimName`, claim, text))
  }
  return good
}

function checkClaimName(errors: Errors, path: string, podName: string, volume: string): void {
  const claim = `${podName}-${volume}`
  for (const message of checkDns1123Subdomain(claim)) {
    errors.push(invalid(`${path}.name`, volume, `PVC name "${claim}": ${message}`))
  }
}

function checkSources(errors: Errors, path: string, volume: Volume, podName: string | undefined): void {
  const sources: string[] = []
  for (const key in volume) if (volume[key as Source] && CHECKS.has(key)) sources.push(key)
  if (sources.length > 1) sources.sort((a, b) => order(a) - order(b))
  const [first, ...more] = sources
  if (first === undefined) {
    errors.push(required(path, 'must specify a volume type'))
    return
  }
  CHECKS.get(first)!(errors, `${path}.${first}`, volume, podName)
  for (const each of more) {
    errors.push(forbidden(`${path}.${MISNAMED[each] ?? each}`, 'may not specify more than 1 volume type'))
  }
}

const order = (source: string): number => SOURCES.findIndex(([name]) => name === source)

function checkEmptyDir(errors: Errors, path: string, { emptyDir }: Volume): void {
  const size = emptyDir!.sizeLimit
  if (size !== undefined && compareQuantities(size, '0') < 0) {
    errors.push(forbidden(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity'))
  }
}

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
]

export function checkHostPath(errors: Errors, path: string, { path: host, type }: HostPathVolumeSource): void {
  if (!host) {
    errors.push(required(`${path}.path`))
    return
  }
  checkNoBacksteps(errors, `${path}.path`, host)
  checkOptionalChoice(errors, `${path}.type`, type, HOST_PATH_TYPES)
}

function checkGitRepo(errors: Errors, path: string, { gitRepo }: Volume): void {
  if (!gitRepo!.repository) errors.push(required(`${path}.repository`))
  if (gitRepo!.directory) checkDescendingPath(errors, `${path}.directory`, gitRepo!.directory)
}

function checkSecret(errors: Errors, path: string, { secret }: Volume): void {
  if (!secret!.secretName) errors.push(required(`${path}.secretName`))
  checkFileMode(errors, `${path}.defaultMode`, secret!.defaultMode)
  checkKeysToPaths(errors, `${path}.items`, secret!.items ?? [])
}

function checkConfigMap(errors: Errors, path: string, { configMap }: Volume): void {
  if (!configMap!.name) errors.push(required(`${path}.name`))
  checkFileMode(errors, `${path}.defaultMode`, configMap!.defaultMode)
  checkKeysToPaths(errors, `${path}.items`, configMap!.items ?? [])
}

function checkClaim(errors: Errors, path: string, { persistentVolumeClaim }: Volume): void {
  if (!persistentVolumeClaim!.claimName) errors.push(required(`${path}.claimName`))
}

function checkDownward(errors: Errors, path: string, { downwardAPI }: Volume): void {
  checkFileMode(errors, `${path}.defaultMode`, downwardAPI!.defaultMode)
  for (const file of downwardAPI!.items ?? []) checkDownwardFile(errors, path, file)
}

/** The name of a CSI driver, at most 63 characters of a subdomain in either case. */
export function checkDriverName(errors: Errors, field: string, name: string | undefined): void {
  if (!name) {
    errors.push(required(field))
    return
  }
  if (name.length > 63) {
    errors.push({ type: 'FieldValueTooLong', field, body: 'Too long: may not be more than 63 bytes' })
  }
  for (const message of checkDns1123Subdomain(name.toLowerCase())) errors.push(invalid(field, name, message))
}

function checkCsi(errors: Errors, path: string, { csi }: Volume): void {
  checkDriverName(errors, `${path}.driver`, csi!.driver)
  const secret = csi!.nodePublishSecretRef
  if (!secret) return
  if (!secret.name) errors.push(required(`${path}.nodePublishSecretRef.name`))
  // Upstream leaves out whose name it is.
  else checkText(errors, `${path}.name`, secret.name, checkDns1123Subdomain)
}

function checkEphemeral(errors: Errors, path: string, { name, ephemeral }: Volume, podName: string | undefined): void {
  const template = ephemeral!.volumeClaimTemplate
  const field = `${path}.volumeClaimTemplate`
  if (!template) errors.push(required(field))
  else {
    checkTemplateOnlyMetadata(errors, `${field}.metadata`, template.metadata)
    checkClaimTemplateSpec(errors, `${field}.spec`, template.spec)
  }
  // Upstream looks for the name beside what it is made for.
  if (podName && name) checkClaimName(errors, path.replace(/\.ephemeral$/, ''), podName, name)
}

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never']

function checkImage(errors: Errors, path: string, { image }: Volume, podName: string | undefined): void {
  // Templates may leave the image to whatever completes them.
  if (!image!.reference && podName !== undefined) errors.push(required(`${path}.reference`))
  const policy = image!.pullPolicy
  if (policy && !PULL_POLICIES.includes(policy)) errors.push(notSupported(`${path}.pullPolicy`, policy, PULL_POLICIES))
}
