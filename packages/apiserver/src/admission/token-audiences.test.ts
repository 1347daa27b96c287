import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CSIDrivers, PersistentVolumeClaims, PersistentVolumes } from '@canopus/api'
import type { Pod, Volume } from '@canopus/api/core/v1'
import { FakeObjects } from '../authn/testing/fake-objects.ts'
import { findAudience } from './token-audiences.ts'

const projected: Volume = {
  name: 'v',
  projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] },
}
const csi = (driver: string): Volume => ({ name: 'v', csi: { driver } })
const claim = (claimName: string): Volume => ({ name: 'v', persistentVolumeClaim: { claimName } })
const ephemeral: Volume = { name: 'scratch', ephemeral: {} }

describe('audiences of tokens for a pod', () => {
  const objects = new FakeObjects()
  objects.put(CSIDrivers, { metadata: { name: 'd' }, spec: { tokenRequests: [{ audience: 'bank' }] } })
  objects.put(CSIDrivers, { metadata: { name: 'file.csi.azure.com' }, spec: { tokenRequests: [{ audience: 'bank' }] } })
  const azureFile = { secretName: 's', shareName: 'share' }
  objects.put(PersistentVolumes, { metadata: { name: 'file' }, spec: { azureFile } })
  objects.put(PersistentVolumes, { metadata: { name: 'pv' }, spec: { csi: { driver: 'd' } } })
  objects.put(PersistentVolumes, { metadata: { name: 'path' }, spec: { hostPath: { path: '/x' } } })
  const claims = { bound: 'pv', file: 'file', path: 'path', pending: undefined, lost: 'gone', 'pod-scratch': 'pv' }
  for (const [name, volumeName] of Object.entries(claims)) {
    objects.put(PersistentVolumeClaims, { metadata: { name, namespace: 'ns' }, spec: { volumeName } })
  }
  const cases: readonly [string, Volume[], string, boolean | string][] = [
    ['no volumes', [], 'bank', false],
    ['a projected one', [projected], 'vault', true],
    ['another', [projected], 'bank', false],
    ['of a driver', [csi('d')], 'bank', true],
    ['not of a driver', [csi('d')], 'vault', false],
    ['of a claim', [claim('bound')], 'bank', true],
    ['of an ephemeral volume', [ephemeral], 'bank', true],
    ['a volume without driver', [claim('path')], 'bank', false],
    ['of the driver that a plugin has become', [{ name: 'v', azureFile }], 'bank', true],
    ['of that of a claim', [claim('file')], 'bank', true],
    ['no such driver', [csi('e')], 'bank', 'csidriver.storage.k8s.io "e" not found'],
    ['no such claim', [claim('none')], 'bank', 'persistentvolumeclaim "none" not found'],
    ['no such volume', [claim('lost')], 'bank', 'persistentvolume "gone" not found'],
    ['a claim without volume', [claim('pending')], 'bank', 'persistentvolume "" not found'],
    ['found behind one that is lost', [claim('lost'), csi('d')], 'bank', true],
    [
      'several problems',
      [claim('none'), csi('e'), csi('e')],
      'bank',
      '[persistentvolumeclaim "none" not found, csidriver.storage.k8s.io "e" not found]',
    ],
  ]
  for (const [name, volumes, audience, expected] of cases) {
    it(name, () => {
      const pod = { metadata: { name: 'pod', namespace: 'ns' }, spec: { containers: [], volumes } } as unknown as Pod
      assert.equal(findAudience(pod, audience, objects), expected)
    })
  }
})
