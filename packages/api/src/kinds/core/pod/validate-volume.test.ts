/** Volume sources of pods, in upstream's words (pkg/apis/core/validation/validation.go, validateVolumeSource). */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fieldErrorText } from '@canopus/apimachinery'
import type { Volume } from '../../../generated/core.v1.ts'
import type { Errors } from '../../shared/check.ts'
import { checkVolumes } from './validate-volume.ts'

/** Findings about one volume, without the path to it. */
function errorsOf(source: object, podName?: string): string[] {
  const errors: Errors = []
  checkVolumes(errors, 'volumes', [{ name: 'v', ...source } as Volume], podName)
  return errors.map(fieldErrorText).map(text => text.replace('volumes[0].', ''))
}

const range = (from: number): string => `must be between ${from} and 255, inclusive`
const REGISTRY = 'must be a host:port pair or multiple pairs separated by commas'
const iscsi = { targetPortal: '10.0.0.1:3260', iqn: 'iqn.2015-02.example.com:test', lun: 0 }
const azureDisk = { diskName: 'd', diskURI: 'https://a.blob.core.windows.net/c/d.vhd' }

const rows: readonly [string, object, string[]][] = [
  ['nothing', {}, ['volumes[0]: Required value: must specify a volume type']],
  ['gce', { gcePersistentDisk: { pdName: 'a', partition: 1 } }, []],
  [
    'gce, wrong',
    { gcePersistentDisk: { partition: 256 } },
    ['persistentDisk.pdName: Required value', `persistentDisk.partition: Invalid value: 256: ${range(1)}`],
  ],
  [
    'aws, wrong',
    { awsElasticBlockStore: { partition: -1 } },
    ['awsElasticBlockStore.volumeID: Required value', `awsElasticBlockStore.partition: Invalid value: -1: ${range(1)}`],
  ],
  ['nfs, wrong', { nfs: { server: 's', path: 'x' } }, ['nfs.path: Invalid value: "x": must be an absolute path']],
  ['iscsi', { iscsi: { ...iscsi, initiatorName: 'eui.0123456789abcdef' } }, []],
  ['iscsi by naa', { iscsi: { ...iscsi, iqn: 'naa.0123456789abcdef0123456789abcdef' } }, []],
  [
    'iscsi, wrong names',
    { iscsi: { ...iscsi, iqn: 'iqn.2015-2.example.com:test', initiatorName: 'other', lun: 256 } },
    [
      'iscsi.iqn: Invalid value: "iqn.2015-2.example.com:test": must be valid format',
      `iscsi.lun: Invalid value: 256: ${range(0)}`,
      'iscsi.initiatorname: Invalid value: "other": must be valid format starting with iqn, eui, or naa',
    ],
  ],
  [
    'iscsi, a long name of the two',
    { iscsi: { ...iscsi, targetPortal: 'x'.repeat(63), initiatorName: 'eui.0123456789abcdef', chapAuthSession: true } },
    [
      'iscsi.secretRef: Required value',
      'name: Invalid value: "v": Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.',
    ],
  ],
  ['quobyte', { quobyte: { registry: 'a:1,[::1]:2', volume: 'v' } }, []],
  [
    'quobyte, wrong',
    { quobyte: { registry: 'a:1,b' } },
    [`quobyte.registry: Invalid value: "a:1,b": ${REGISTRY}`, 'quobyte.volume: Required value'],
  ],
  ['quobyte, empty', { quobyte: { volume: 'v' } }, [`quobyte.registry: Required value: ${REGISTRY}`]],
  [
    'quobyte, a long tenant',
    { quobyte: { registry: 'a:1', tenant: 'x'.repeat(65), volume: 'v' } },
    ['quobyte.tenant: Required value: must be a UUID and may not exceed a length of 64 characters'],
  ],
  [
    'flex, names of ours',
    {
      flexVolume: { driver: 'd', options: { 'a/b': '1', 'X.Kubernetes.io/y': '2', 'k8s.io/z': '3', 'xk8s.io/z': '4' } },
    },
    [
      'flexVolume.options[X.Kubernetes.io/y]: Invalid value: "X.Kubernetes.io/y": kubernetes.io and k8s.io namespaces are reserved',
      'flexVolume.options[k8s.io/z]: Invalid value: "k8s.io/z": kubernetes.io and k8s.io namespaces are reserved',
    ],
  ],
  ['cinder, no secret', { cinder: { volumeID: 'v', secretRef: {} } }, ['cinder.secretRef.name: Required value']],
  ['azure disk', { azureDisk: { ...azureDisk, kind: 'Shared', cachingMode: 'None' } }, []],
  [
    'azure disk, wrong',
    { azureDisk: { ...azureDisk, kind: 'Managed', cachingMode: 'Some' } },
    [
      'azureDisk.cachingMode: Unsupported value: "Some": supported values: "None", "ReadOnly", "ReadWrite"',
      'azureDisk.diskURI: Unsupported value: "https://a.blob.core.windows.net/c/d.vhd": supported values: "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"',
    ],
  ],
  [
    'azure disk, of no kind',
    { azureDisk: { ...azureDisk, diskURI: '/subscriptions/x', kind: 'Other' } },
    [
      'azureDisk.kind: Unsupported value: "Other": supported values: "Dedicated", "Managed", "Shared"',
      'azureDisk.diskURI: Unsupported value: "/subscriptions/x": supported values: "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"',
    ],
  ],
  [
    'storageos, no secret',
    { storageos: { volumeName: 'a', secretRef: {} } },
    ['storageos.secretRef.name: Required value'],
  ],
  [
    'two, in whatever order they come',
    { image: { reference: 'x' }, cephfs: { monitors: ['m'] }, hostPath: { path: '/x' }, downwardAPI: {}, emptyDir: {} },
    ['hostPath', 'cephFS', 'downwarAPI', 'image'].map(
      each => `${each}: Forbidden: may not specify more than 1 volume type`,
    ),
  ],
]

describe('volumes of pods', () => {
  for (const [name, source, expected] of rows) it(name, () => assert.deepEqual(errorsOf(source), expected))

  it('storageos names are labels', () => {
    const errors = errorsOf({ storageos: { volumeName: 'A', volumeNamespace: 'B' } })
    assert.equal(errors.length, 2)
    assert.match(errors[0]!, /^storageos.volumeName: Invalid value: "A": a lowercase RFC 1123 label must consist/)
    assert.match(errors[1]!, /^storageos.volumeNamespace: Invalid value: "B"/)
  })

  it('an image is named in pods, not in templates', () => {
    assert.deepEqual(errorsOf({ image: {} }), [])
    assert.deepEqual(errorsOf({ image: {} }, 'p'), ['image.reference: Required value'])
  })

  it('a claim that is to be made must have a name', () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1' } } }
    const ephemeral = { volumeClaimTemplate: { spec } }
    assert.deepEqual(errorsOf({ ephemeral }, 'p'), [])
    assert.match(errorsOf({ ephemeral }, 'P')[0]!, /^name: Invalid value: "v": PVC name "P-v": a lowercase RFC 1123/)
  })
})
