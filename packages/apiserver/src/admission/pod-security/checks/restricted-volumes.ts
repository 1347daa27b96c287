import type { Volume } from '@canopus/api/core/v1'
import { type Check, named, type Rule, sorted } from '../check.ts'

const ALLOWED = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
] as const

/** In the order in which a volume of several kinds is named. */
const FORBIDDEN = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'nfs',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
] as const

const isAllowed = (volume: Volume): boolean => ALLOWED.some(type => volume[type] !== undefined)
const typeOf = (volume: Volume): string => FORBIDDEN.find(type => volume[type] !== undefined) ?? 'unknown'

/** Volumes must be of kinds that reach nothing outside the cluster's own means. */
const rule: Rule = spec => {
  const bad = (spec.volumes ?? []).filter(volume => !isAllowed(volume))
  if (bad.length === 0) return undefined
  const names = bad.map(volume => volume.name)
  const verb = bad.length === 1 ? 'uses' : 'use'
  return {
    reason: 'restricted volume types',
    detail: `${named('volume', names)} ${verb} ${named('restricted volume type', sorted(bad.map(typeOf)))}`,
  }
}

export const restrictedVolumes: Check = {
  id: 'restrictedVolumes',
  level: 'restricted',
  versions: [{ since: 0, rule, replaces: ['hostPathVolumes'] }],
}
