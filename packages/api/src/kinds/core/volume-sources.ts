/** Sources of persistent volumes, one by one (validation.go: ValidatePersistentVolumeSpec), and their defaults. */
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  forbidden,
  invalid,
  rangeMessage,
  required,
} from '@canopus/apimachinery'
import type {
  CSIPersistentVolumeSource,
  PersistentVolume,
  PersistentVolumeSpec,
  Volume,
} from '../../generated/core.v1.ts'
import { checkNoBacksteps, checkText, type Errors } from '../shared/check.ts'
import { checkIscsiName, checkStorageOsNames, remoteVolumes } from './pod/validate-remote-volume.ts'
import { checkDriverName, checkHostPath } from './pod/validate-volume.ts'

type Check = (errors: Errors, path: string, spec: PersistentVolumeSpec, name: string) => void

/** Drivers of old whose sources are those of volumes in pods. */
const asInPods =
  (source: keyof typeof remoteVolumes & keyof PersistentVolumeSpec): Check =>
  (errors, path, spec) =>
    remoteVolumes[source](errors, path, { name: '', ...spec } as Volume)

/** In the order in which upstream looks at them: of several, the first counts. */
const CHECKS: readonly (readonly [keyof PersistentVolumeSpec, Check])[] = [
  ['hostPath', (errors, path, { hostPath }) => checkHostPath(errors, path, hostPath!)],
  ['gcePersistentDisk', asInPods('gcePersistentDisk')],
  ['awsElasticBlockStore', asInPods('awsElasticBlockStore')],
  ['glusterfs', checkGlusterfs],
  ['flocker', asInPods('flocker')],
  ['nfs', asInPods('nfs')],
  ['rbd', asInPods('rbd')],
  ['quobyte', asInPods('quobyte')],
  ['cephfs', asInPods('cephfs')],
  ['iscsi', checkIscsi],
  ['cinder', checkCinder],
  ['fc', asInPods('fc')],
  ['flexVolume', asInPods('flexVolume')],
  ['azureFile', checkAzureFile],
  ['vsphereVolume', asInPods('vsphereVolume')],
  ['photonPersistentDisk', asInPods('photonPersistentDisk')],
  ['portworxVolume', asInPods('portworxVolume')],
  ['azureDisk', asInPods('azureDisk')],
  ['scaleIO', asInPods('scaleIO')],
  ['local', checkLocal],
  ['storageos', checkStorageOs],
  ['csi', (errors, path, { csi }) => checkCsi(errors, path, csi!)],
]

/** The one source of the volume `name`, whose spec is at `path`. */
export function checkSource(errors: Errors, path: string, spec: PersistentVolumeSpec, name: string): void {
  let found = false
  for (const [source, check] of CHECKS) {
    if (spec[source] === undefined) continue
    // Upstream looks at this one in any case, and calls another by another name here.
    if (!found || source === 'flexVolume') check(errors, `${path}.${source}`, spec, name)
    else {
      const at = source === 'cephfs' ? 'cephFS' : source
      errors.push(forbidden(`${path}.${at}`, 'may not specify more than 1 volume type'))
    }
    found = true
  }
  if (!found) errors.push(required(path, 'must specify a volume type'))
}

function checkGlusterfs(errors: Errors, path: string, spec: PersistentVolumeSpec): void {
  asInPods('glusterfs')(errors, path, spec, '')
  const namespace = spec.glusterfs!.endpointsNamespace
  if (namespace === undefined) return
  const field = `${path}.endpointsNamespace`
  if (namespace !== '') checkText(errors, field, namespace, checkDns1123Label)
  else errors.push(invalid(field, '', 'if the endpointnamespace is set, it must be a valid namespace name'))
}

function checkIscsi(errors: Errors, path: string, { iscsi }: PersistentVolumeSpec, name: string): void {
  const { targetPortal = '', iqn, lun, secretRef, chapAuthDiscovery, chapAuthSession, initiatorName } = iscsi!
  if (!targetPortal) errors.push(required(`${path}.targetPortal`))
  if (initiatorName !== undefined && `${name}:${targetPortal}`.length > 64) {
    const text =
      'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.'
    errors.push(invalid(`${path}.targetportal`, targetPortal, text))
  }
  const problem = 'must be valid format'
  if (!iqn) errors.push(required(`${path}.iqn`))
  else if (!checkIscsiName(iqn)) errors.push(invalid(`${path}.iqn`, iqn, problem))
  if (lun !== undefined && (lun < 0 || lun > 255)) errors.push(invalid(`${path}.lun`, lun, rangeMessage(0, 255)))
  if ((chapAuthDiscovery || chapAuthSession) && !secretRef) errors.push(required(`${path}.secretRef`))
  if (secretRef && !secretRef.name) errors.push(required(`${path}.secretRef.name`))
  if (initiatorName !== undefined && !checkIscsiName(initiatorName)) {
    errors.push(invalid(`${path}.initiatorname`, initiatorName, problem))
  }
}

type Reference = { name?: string; namespace?: string } | undefined

function checkSecretNames(errors: Errors, path: string, secret: Reference): void {
  for (const field of ['name', 'namespace'] as const) {
    if (secret && !secret[field]) errors.push(required(`${path}.secretRef.${field}`))
  }
}

function checkCinder(errors: Errors, path: string, { cinder }: PersistentVolumeSpec): void {
  if (!cinder!.volumeID) errors.push(required(`${path}.volumeID`))
  checkSecretNames(errors, path, cinder!.secretRef)
}

function checkStorageOs(errors: Errors, path: string, { storageos }: PersistentVolumeSpec): void {
  checkStorageOsNames(errors, path, storageos!)
  checkSecretNames(errors, path, storageos!.secretRef)
}

function checkAzureFile(errors: Errors, path: string, spec: PersistentVolumeSpec): void {
  asInPods('azureFile')(errors, path, spec, '')
  if (spec.azureFile!.secretNamespace === '') errors.push(required(`${path}.secretNamespace`))
}

function checkLocal(errors: Errors, path: string, { local, nodeAffinity }: PersistentVolumeSpec): void {
  if (!local!.path) errors.push(required(`${path}.path`))
  else checkNoBacksteps(errors, `${path}.path`, local!.path)
  if (!nodeAffinity) {
    errors.push(required(path.replace(/local$/, 'nodeAffinity'), 'Local volume requires node affinity'))
  }
}

const SECRETS = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const

function checkCsi(errors: Errors, path: string, csi: CSIPersistentVolumeSource): void {
  checkDriverName(errors, `${path}.driver`, csi.driver)
  if (!csi.volumeHandle) errors.push(required(`${path}.volumeHandle`))
  for (const field of SECRETS) {
    const secret = csi[field]
    if (!secret) continue
    if (!secret.name) errors.push(required(`${path}.${field}.name`))
    else checkText(errors, `${path}.${field}.name`, secret.name, checkDns1123Subdomain)
    if (!secret.namespace) errors.push(required(`${path}.${field}.namespace`))
    else checkText(errors, `${path}.${field}.namespace`, secret.namespace, checkDns1123Label)
  }
}

const MOUNT_OPTIONS = 'volume.beta.kubernetes.io/mount-options'

/** Those whose drivers took options of mounts from an annotation. */
const WITH_OPTIONS = [
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'nfs',
  'rbd',
  'quobyte',
  'iscsi',
  'cinder',
  'cephfs',
  'azureFile',
  'vsphereVolume',
  'azureDisk',
  'photonPersistentDisk',
] as const

/** k8s.io/kubernetes/pkg/volume/validation/pv_validation.go, checkMountOption. */
export function checkMountOptions(errors: Errors, { metadata, spec }: PersistentVolume): void {
  if (metadata.annotations?.[MOUNT_OPTIONS] === undefined) return
  if (WITH_OPTIONS.some(source => spec[source] !== undefined)) return
  const text = 'may not specify mount options for this volume type'
  errors.push(forbidden(`metadata.annotations.${MOUNT_OPTIONS}`, text))
}
