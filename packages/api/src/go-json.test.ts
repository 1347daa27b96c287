import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { goJson } from './go-json.ts'

describe('internal types as JSON', () => {
  const rows: readonly [string, string, unknown, string][] = [
    ['nothing', 'rbac.v1.RoleRef', undefined, 'null'],
    [
      'text that is not there',
      'rbac.v1.RoleRef',
      { apiGroup: 'rbac.authorization.k8s.io' },
      '{"APIGroup":"rbac.authorization.k8s.io","Kind":"","Name":""}',
    ],
    [
      'lists and pointers',
      'storage.v1.CSINodeDriver',
      { nodeID: 'x', name: 'd.example.com', topologyKeys: ['a'] },
      '{"Name":"d.example.com","NodeID":"x","TopologyKeys":["a"],"Allocatable":null}',
    ],
    [
      'structures that are always there, and what has names for JSON',
      'core.v1.PersistentVolumeClaimSpec',
      { volumeMode: 'Block', selector: { matchLabels: { a: 'b' } }, accessModes: [] },
      '{"AccessModes":[],"Selector":{"matchLabels":{"a":"b"}},"Resources":{"Limits":null,"Requests":null},"VolumeName":"","StorageClassName":null,"VolumeMode":"Block","DataSource":null,"DataSourceRef":null,"VolumeAttributesClassName":null}',
    ],
    [
      'what a pod shares with its host, and the order of internal types',
      'core.v1.PodSecurityContext',
      { runAsUser: 5 },
      '{"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":5,"RunAsGroup":null,"RunAsNonRoot":null,"SupplementalGroups":null,"SupplementalGroupsPolicy":null,"FSGroup":null,"FSGroupChangePolicy":null,"Sysctls":null,"SeccompProfile":null,"AppArmorProfile":null,"SELinuxChangePolicy":null}',
    ],
    [
      'metadata within',
      'resource.v1.ResourceClaimTemplateSpec',
      { metadata: { labels: { b: 'c' } } },
      '{"labels":{"b":"c"},"Spec":{"Devices":{"Requests":null,"Constraints":null,"Config":null}}}',
    ],
  ]
  it('a pod has what it shares with its host in its security context', () => {
    const spec = goJson('core.v1.PodSpec', { hostNetwork: true, securityContext: { runAsUser: 5 } }) as {
      SecurityContext: object
    }
    assert.equal(Object.hasOwn(spec, 'HostNetwork'), false)
    assert.deepEqual(Object.keys(spec).slice(0, 4), ['Volumes', 'InitContainers', 'Containers', 'EphemeralContainers'])
    assert.partialDeepStrictEqual(spec.SecurityContext, {
      HostNetwork: true,
      HostPID: false,
      HostUsers: null,
      RunAsUser: 5,
    })
  })

  for (const [name, message, value, expected] of rows) {
    it(name, () => assert.equal(JSON.stringify(goJson(message, value)), expected))
  }
})
