/** Volumes of drivers that were once part of Kubernetes: only their shape is checked. */
import { forbidden, invalid, rangeMessage, required } from '@canopus/apimachinery'
import type { Volume } from '../../../generated/core.v1.ts'
import type { Errors } from '../../shared/check.ts'

type Source = Exclude<keyof Volume, 'name'>
type Check = (errors: Errors, path: string, volume: Volume) => void

/** Requires these fields of a source. */
function needs<K extends Source>(source: K, ...fields: (keyof NonNullable<Volume[K]> & string)[]): [Source, Check] {
  return [
    source,
    (errors, path, volume) => {
      const value = volume[source] as Readonly<Record<string, unknown>>
      for (const field of fields) {
        const given = value[field]
        if (!given || (Array.isArray(given) && given.length === 0)) errors.push(required(`${path}.${field}`))
      }
    },
  ]
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

function checkIscsi(errors: Errors, path: string, { iscsi }: Volume): void {
  const { targetPortal, iqn, lun, secretRef, chapAuthDiscovery, chapAuthSession } = iscsi!
  if (!targetPortal) errors.push(required(`${path}.targetPortal`))
  if (!iqn) errors.push(required(`${path}.iqn`))
  else if (!/^(?:iqn|eui|naa)/.test(iqn)) {
    errors.push(invalid(`${path}.iqn`, iqn, 'must be valid format starting with iqn, eui, or naa'))
  }
  if (lun !== undefined && (lun < 0 || lun > 255)) errors.push(invalid(`${path}.lun`, lun, rangeMessage(0, 255)))
  if ((chapAuthDiscovery || chapAuthSession) && !secretRef) errors.push(required(`${path}.secretRef`))
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

function checkAzureDisk(errors: Errors, path: string, { azureDisk }: Volume): void {
  if (!azureDisk!.diskName) errors.push(required(`${path}.diskName`))
  if (!azureDisk!.diskURI) errors.push(required(`${path}.diskURI`))
}

function checkFlex(errors: Errors, path: string, { flexVolume }: Volume): void {
  if (!flexVolume!.driver) errors.push(required(`${path}.driver`))
  for (const key of Object.keys(flexVolume!.options ?? {})) {
    if (/(^|\.)(kubernetes|k8s)\.io\//.test(key)) {
      errors.push(forbidden(`${path}.options[${key}]`, 'kubernetes.io and k8s.io namespaces are reserved'))
    }
  }
}

export const remoteVolumes: readonly [Source, Check][] = [
  [
    'gcePersistentDisk',
    (errors, path, { gcePersistentDisk }) => {
      if (!gcePersistentDisk!.pdName) errors.push(required(`${path}.pdName`))
      checkPartition(errors, path, gcePersistentDisk!.partition)
    },
  ],
  [
    'awsElasticBlockStore',
    (errors, path, { awsElasticBlockStore }) => {
      if (!awsElasticBlockStore!.volumeID) errors.push(required(`${path}.volumeID`))
      checkPartition(errors, path, awsElasticBlockStore!.partition)
    },
  ],
  ['nfs', checkNfs],
  ['iscsi', checkIscsi],
  ['fc', checkFibreChannel],
  ['flocker', checkFlocker],
  ['azureDisk', checkAzureDisk],
  ['flexVolume', checkFlex],
  needs('glusterfs', 'endpoints', 'path'),
  needs('rbd', 'monitors', 'image'),
  needs('cinder', 'volumeID'),
  needs('cephfs', 'monitors'),
  needs('azureFile', 'secretName', 'shareName'),
  needs('vsphereVolume', 'volumePath'),
  needs('quobyte', 'registry', 'volume'),
  needs('photonPersistentDisk', 'pdID'),
  needs('portworxVolume', 'volumeID'),
  needs('scaleIO', 'gateway', 'system', 'volumeName'),
  needs('storageos', 'volumeName'),
]
