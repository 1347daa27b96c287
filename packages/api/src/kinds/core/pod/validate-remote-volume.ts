/** Volumes of drivers that were once part of Kubernetes: only their shape is checked. */
import { checkDns1123Label, invalid, notSupported, rangeMessage, required } from '@canopus/apimachinery'
import type { Volume } from '../../../generated/core.v1.ts'
import { checkText, type Errors } from '../../shared/check.ts'

type Source = Exclude<keyof Volume, 'name'>
type Check = (errors: Errors, path: string, volume: Volume) => void

/** Requires these fields of a source. */
function needs<K extends Source>(source: K, ...fields: (keyof NonNullable<Volume[K]> & string)[]): Check {
  return (errors, path, volume) => {
    const value = volume[source] as Readonly<Record<string, unknown>>
    for (const field of fields) {
      const given = value[field]
      if (!given || (Array.isArray(given) && given.length === 0)) errors.push(required(`${path}.${field}`))
    }
  }
}

function checkPartition(errors: Errors, path: string, partition: number | undefined): void {
  if (partition !== undefined && (partition < 0 || partition > 255)) {
    errors.push(invalid(`${path}.partition`, partition, rangeMessage(1, 255)))
  }
}

function checkNfs(errors: Errors, path: string, { nfs }: Volume): void {
  if (!nfs!.server) errors.push(required(`${path}.server`))
  if (!nfs!.path) errors.push(required(`${path}.path`))
  if (!nfs!.path?.startsWith('/')) errors.push(invalid(`${path}.path`, nfs!.path ?? '', 'must be an absolute path'))
}

/** By how they begin: names of iSCSI nodes. */
const NODE_NAMES: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[A-Za-z0-9]{16}$/,
  naa: /^naa.[A-Za-z0-9]{32}$/,
}

/** Whether a name of an iSCSI node has the form that it begins with. */
export const checkIscsiName = (name: string): boolean => NODE_NAMES[name.slice(0, 3)]?.test(name) === true

function checkNodeName(errors: Errors, field: string, name: string): void {
  const form = NODE_NAMES[name.slice(0, 3)]
  if (form === undefined) {
    errors.push(invalid(field, name, 'must be valid format starting with iqn, eui, or naa'))
  } else if (!form.test(name)) errors.push(invalid(field, name, 'must be valid format'))
}

function checkIscsi(errors: Errors, path: string, { name, iscsi }: Volume): void {
  const { targetPortal, iqn, lun, secretRef, chapAuthDiscovery, chapAuthSession, initiatorName } = iscsi!
  if (!targetPortal) errors.push(required(`${path}.targetPortal`))
  if (!iqn) errors.push(required(`${path}.iqn`))
  else checkNodeName(errors, `${path}.iqn`, iqn)
  if (lun !== undefined && (lun < 0 || lun > 255)) errors.push(invalid(`${path}.lun`, lun, rangeMessage(0, 255)))
  if ((chapAuthDiscovery || chapAuthSession) && !secretRef) errors.push(required(`${path}.secretRef`))
  if (initiatorName === undefined) return
  checkNodeName(errors, `${path}.initiatorname`, initiatorName)
  if (`${name ?? ''}:${targetPortal ?? ''}`.length > 64) {
    const text =
      'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.'
    errors.push(invalid(path.replace(/iscsi$/, 'name'), name ?? '', text))
  }
}

function checkFibreChannel(errors: Errors, path: string, { fc }: Volume): void {
  const wwns = fc!.targetWWNs ?? []
  const wwids = fc!.wwids ?? []
  if (wwns.length === 0 && wwids.length === 0) {
    errors.push(required(`${path}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both'))
  }
  if (wwns.length > 0 && wwids.length > 0) {
    const text = 'targetWWNs and wwids can not be specified simultaneously'
    errors.push(invalid(`${path}.targetWWNs`, wwns, text))
  }
  if (wwns.length === 0) return
  if (fc!.lun === undefined) errors.push(required(`${path}.lun`, 'lun is required if targetWWNs is specified'))
  else if (fc!.lun < 0 || fc!.lun > 255) errors.push(invalid(`${path}.lun`, fc!.lun, rangeMessage(0, 255)))
}

function checkFlocker(errors: Errors, path: string, { flocker }: Volume): void {
  const { datasetName = '', datasetUUID = '' } = flocker!
  if (!datasetName && !datasetUUID) errors.push(required(path, 'one of datasetName and datasetUUID is required'))
  if (datasetName && datasetUUID) {
    errors.push(invalid(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'))
  }
  if (datasetName.includes('/')) errors.push(invalid(`${path}.datasetName`, datasetName, "must not contain '/'"))
}

const CACHING = ['None', 'ReadOnly', 'ReadWrite']
const DISKS = ['Dedicated', 'Managed', 'Shared']
const MANAGED_URI = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}'
const BLOB_URI = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd'

function checkAzureDisk(errors: Errors, path: string, { azureDisk }: Volume): void {
  const { diskName, diskURI = '', cachingMode, kind } = azureDisk!
  if (!diskName) errors.push(required(`${path}.diskName`))
  if (!diskURI) errors.push(required(`${path}.diskURI`))
  if (cachingMode !== undefined && !CACHING.includes(cachingMode)) {
    errors.push(notSupported(`${path}.cachingMode`, cachingMode, CACHING))
  }
  if (kind === undefined) return
  if (!DISKS.includes(kind)) errors.push(notSupported(`${path}.kind`, kind, DISKS))
  const [start, form] = kind === 'Managed' ? ['/subscriptions/', MANAGED_URI] : ['https://', BLOB_URI]
  if (!diskURI.startsWith(start)) errors.push(notSupported(`${path}.diskURI`, diskURI, [form]))
}

function checkFlex(errors: Errors, path: string, { flexVolume }: Volume): void {
  if (!flexVolume!.driver) errors.push(required(`${path}.driver`))
  for (const key of Object.keys(flexVolume!.options ?? {})) {
    const namespace = `.${key.split('/', 1)[0]!.toLowerCase()}`
    if (namespace.endsWith('.kubernetes.io') || namespace.endsWith('.k8s.io')) {
      errors.push(invalid(`${path}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved'))
    }
  }
}

const REGISTRY = 'must be a host:port pair or multiple pairs separated by commas'
/** As Go's net.SplitHostPort takes them. */
const HOST_AND_PORT = /^(?:\[[^\]]*\]|[^:[\]]*):[^:[\]]*$/

function checkQuobyte(errors: Errors, path: string, { quobyte }: Volume): void {
  const { registry, tenant = '', volume } = quobyte!
  if (!registry) errors.push(required(`${path}.registry`, REGISTRY))
  else if (tenant.length >= 65) {
    errors.push(required(`${path}.tenant`, 'must be a UUID and may not exceed a length of 64 characters'))
  } else {
    for (const pair of registry.split(',')) {
      if (!HOST_AND_PORT.test(pair)) errors.push(invalid(`${path}.registry`, registry, REGISTRY))
    }
  }
  if (!volume) errors.push(required(`${path}.volume`))
}

function checkSecretName(errors: Errors, path: string, reference: { name?: string } | undefined): void {
  if (reference !== undefined && !reference.name) errors.push(required(`${path}.secretRef.name`))
}

function checkCinder(errors: Errors, path: string, { cinder }: Volume): void {
  if (!cinder!.volumeID) errors.push(required(`${path}.volumeID`))
  checkSecretName(errors, path, cinder!.secretRef)
}

export function checkStorageOsNames(
  errors: Errors,
  path: string,
  { volumeName, volumeNamespace }: { volumeName?: string; volumeNamespace?: string },
): void {
  if (!volumeName) errors.push(required(`${path}.volumeName`))
  else checkText(errors, `${path}.volumeName`, volumeName, checkDns1123Label)
  if (volumeNamespace) checkText(errors, `${path}.volumeNamespace`, volumeNamespace, checkDns1123Label)
}

function checkStorageOs(errors: Errors, path: string, { storageos }: Volume): void {
  checkStorageOsNames(errors, path, storageos!)
  checkSecretName(errors, path, storageos!.secretRef)
}

function checkGcePersistentDisk(errors: Errors, path: string, { gcePersistentDisk }: Volume): void {
  // Upstream calls the field by another name here.
  const at = path.replace(/gcePersistentDisk$/, 'persistentDisk')
  if (!gcePersistentDisk!.pdName) errors.push(required(`${at}.pdName`))
  checkPartition(errors, at, gcePersistentDisk!.partition)
}

function checkElasticBlockStore(errors: Errors, path: string, { awsElasticBlockStore }: Volume): void {
  if (!awsElasticBlockStore!.volumeID) errors.push(required(`${path}.volumeID`))
  checkPartition(errors, path, awsElasticBlockStore!.partition)
}

export const remoteVolumes = {
  gcePersistentDisk: checkGcePersistentDisk,
  awsElasticBlockStore: checkElasticBlockStore,
  nfs: checkNfs,
  iscsi: checkIscsi,
  glusterfs: needs('glusterfs', 'endpoints', 'path'),
  flocker: checkFlocker,
  rbd: needs('rbd', 'monitors', 'image'),
  cinder: checkCinder,
  cephfs: needs('cephfs', 'monitors'),
  quobyte: checkQuobyte,
  fc: checkFibreChannel,
  flexVolume: checkFlex,
  azureFile: needs('azureFile', 'secretName', 'shareName'),
  vsphereVolume: needs('vsphereVolume', 'volumePath'),
  photonPersistentDisk: needs('photonPersistentDisk', 'pdID'),
  portworxVolume: needs('portworxVolume', 'volumeID'),
  azureDisk: checkAzureDisk,
  storageos: checkStorageOs,
  scaleIO: needs('scaleIO', 'gateway', 'system', 'volumeName'),
} satisfies Partial<Record<Source, Check>>
