import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Service, ServiceSpec } from '@canopus/api/core/v1'
import { fieldErrorText } from '@canopus/apimachinery'
import { setFamilies } from './service-families.ts'

const DUAL = ['IPv4', 'IPv6']
const IPS = ['10.0.0.17', 'fd00::17']
const MANY = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"

type Spec = Partial<ServiceSpec>
/** What a service asks for (what it had before), the families of the cluster, and what it gets: policy, families; or errors. */
const rows: [string, Spec, Spec | undefined, string[], [string, string] | string[]][] = [
  ['the default family', {}, undefined, ['IPv6', 'IPv4'], ['SingleStack', 'IPv6']],
  ['of its address', { clusterIPs: ['fd00::1'] }, undefined, DUAL, ['SingleStack', 'IPv6']],
  ['both where it may', { ipFamilyPolicy: 'PreferDualStack' }, undefined, DUAL, ['PreferDualStack', 'IPv4,IPv6']],
  ['one where there is one', { ipFamilyPolicy: 'PreferDualStack' }, undefined, ['IPv6'], ['PreferDualStack', 'IPv6']],
  [
    'in the order asked for',
    { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] },
    undefined,
    DUAL,
    ['RequireDualStack', 'IPv6,IPv4'],
  ],
  [
    'both, but one wanted',
    { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] },
    undefined,
    ['IPv4'],
    [`spec.ipFamilyPolicy: Invalid value: "SingleStack": ${MANY} IP families are specified`],
  ],
  [
    'two addresses without a policy',
    { clusterIP: IPS[0]!, clusterIPs: IPS },
    undefined,
    DUAL,
    [`spec.ipFamilyPolicy: Invalid value: "SingleStack": ${MANY} cluster IPs are specified`],
  ],
  [
    'both required of one',
    { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] },
    undefined,
    ['IPv4'],
    [
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
      'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    ],
  ],
  [
    'an address of another family',
    { clusterIPs: ['fd00::1'] },
    undefined,
    ['IPv4'],
    ['spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster'],
  ],
  ['headless without selector', { clusterIP: 'None' }, undefined, ['IPv4'], ['RequireDualStack', 'IPv4,IPv6']],
  ['headless with one', { clusterIP: 'None', selector: { a: 'b' } }, undefined, DUAL, ['SingleStack', 'IPv4']],
  [
    'an update that says nothing',
    { clusterIPs: IPS },
    { ipFamilyPolicy: 'RequireDualStack', clusterIPs: IPS },
    DUAL,
    ['RequireDualStack', 'IPv4,IPv6'],
  ],
  [
    'what prefers both is left alone',
    { ipFamilyPolicy: 'PreferDualStack', clusterIPs: ['10.0.0.17'], ipFamilies: ['IPv4'] },
    { ipFamilyPolicy: 'PreferDualStack', clusterIPs: ['10.0.0.17'], ipFamilies: ['IPv4'] },
    DUAL,
    ['PreferDualStack', 'IPv4'],
  ],
  [
    'the policy takes the second',
    { ipFamilyPolicy: 'SingleStack', clusterIPs: IPS, ipFamilies: ['IPv4', 'IPv6'] },
    { ipFamilyPolicy: 'RequireDualStack', clusterIPs: IPS, ipFamilies: ['IPv4', 'IPv6'] },
    DUAL,
    ['SingleStack', 'IPv4'],
  ],
  [
    'only the policy does',
    { ipFamilyPolicy: 'PreferDualStack', clusterIPs: ['10.0.0.17'], ipFamilies: ['IPv4'] },
    { ipFamilyPolicy: 'PreferDualStack', clusterIPs: IPS, ipFamilies: ['IPv4', 'IPv6'] },
    DUAL,
    [
      `spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be 'SingleStack' to release the secondary cluster IP`,
      `spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be 'SingleStack' to release the secondary IP family`,
    ],
  ],
]

describe('families of services', () => {
  const service = (spec: Spec): Service =>
    ({ metadata: { name: 's' }, spec: { type: 'ClusterIP', ...structuredClone(spec) } }) as Service
  for (const [name, spec, before, served, expected] of rows) {
    it(name, () => {
      const after = service(spec)
      const errors = setFamilies(after, before === undefined ? undefined : service(before), served)
      const { ipFamilyPolicy, ipFamilies = [] } = after.spec
      const result = errors.length > 0 ? errors.map(fieldErrorText) : [ipFamilyPolicy, ipFamilies.join(',')]
      assert.deepEqual(result, expected)
    })
  }
})
