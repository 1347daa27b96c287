/** Small kinds whose rules fill no file of their own. */
import type { CustomResourceDefinition } from '../generated/apiextensions.v1.ts'
import type { APIService } from '../generated/apiregistration.v1.ts'
import type { Lease } from '../generated/coordination.v1.ts'
import type { EndpointSlice } from '../generated/discovery.v1.ts'
import type { PodDisruptionBudget } from '../generated/policy.v1.ts'
import type { PriorityClass } from '../generated/scheduling.v1.ts'
import { testCreate, testUpdate } from '../testing/validation-table.ts'
import { CustomResourceDefinitionKind } from './apiextensions/customresourcedefinition.ts'
import { APIServiceKind } from './apiregistration/apiservice.ts'
import { LeaseKind } from './coordination/lease.ts'
import { EndpointSliceKind } from './discovery/endpointslice.ts'
import { PodDisruptionBudgetKind } from './policy/poddisruptionbudget.ts'
import { PriorityClassKind } from './scheduling/priorityclass.ts'

const metadata = { name: 'a', namespace: 'default' }

testCreate(LeaseKind, { metadata, spec: { leaseDurationSeconds: 1 } } as unknown as Lease, [
  {
    name: 'no time at all',
    change: lease => {
      lease.spec.leaseDurationSeconds = 0
    },
    errors: ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
  },
])

const slice = {
  metadata,
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.0.0.1'] }],
  ports: [{ port: 80 }],
} as unknown as EndpointSlice

testCreate(EndpointSliceKind, slice, [
  {
    name: 'address of the other family',
    change: object => {
      object.endpoints![0]!.addresses = ['::1']
    },
    errors: [
      'endpoints[0].addresses: Invalid value: "::1": must be an IPv4 address',
      'endpoints[0].addresses[0]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  },
  {
    name: 'hints twice',
    change: object => {
      object.endpoints![0]!.hints = { forZones: [{ name: 'a' }, { name: 'a' }] }
    },
    errors: ['endpoints[0].hints.forZones[1].name: Duplicate value: "a"'],
  },
  {
    name: 'endpoint without addresses',
    change: object => {
      object.endpoints![0]!.addresses = []
    },
    errors: ['endpoints[0].addresses: Required value: must contain at least 1 address'],
  },
  {
    name: 'two ports of one name',
    change: object => {
      object.ports = [{ port: 1 }, { port: 2 }]
    },
    errors: ['ports[1].name: Duplicate value: ""'],
  },
])

testUpdate(EndpointSliceKind, slice, [
  {
    name: 'family',
    change: object => {
      object.addressType = 'IPv6'
      object.endpoints = []
    },
    errors: ['addressType: Invalid value: "IPv6": field is immutable'],
  },
])

testCreate(PodDisruptionBudgetKind, { metadata, spec: { minAvailable: 1 } } as unknown as PodDisruptionBudget, [
  {
    name: 'both bounds',
    change: object => {
      object.spec.maxUnavailable = 1
    },
    errors: [
      'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
    ],
  },
])

const priority = { metadata: { name: 'high' }, value: 1000 } as unknown as PriorityClass

testCreate(PriorityClassKind, priority, [
  {
    name: 'as high as the system',
    change: object => {
      object.value = 2_000_000_000
    },
    errors: ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
  },
])

testUpdate(PriorityClassKind, priority, [
  {
    name: 'value',
    change: object => {
      object.value = 5
    },
    errors: ['value: Forbidden: may not be changed in an update.'],
  },
])

const shownVersion = (served: boolean, storage: boolean, columns = 'null'): string =>
  `{"Name":"v1","Served":${served},"Storage":${storage},"Deprecated":false,"DeprecationWarning":null,"Schema":null,` +
  `"Subresources":null,"AdditionalPrinterColumns":${columns},"SelectableFields":null}`
const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }
const definition = {
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [version],
  },
} as unknown as CustomResourceDefinition

testCreate(CustomResourceDefinitionKind, definition, [
  {
    name: 'another name than its own',
    change: object => {
      object.metadata.name = 'x.example.com'
    },
    errors: ['metadata.name: Invalid value: "x.example.com": must be spec.names.plural+"."+spec.group'],
  },
  {
    name: 'nothing stored',
    change: object => {
      object.spec.versions[0]!.storage = false
    },
    errors: [
      `spec.versions: Invalid value: [${shownVersion(true, false)}]: must have exactly one version marked as storage version`,
      'status.storedVersions: Invalid value: null: must have at least one stored version',
    ],
  },
  {
    name: 'no versions',
    change: object => {
      object.spec.versions = []
    },
    errors: [
      'spec.versions: Invalid value: []: must have exactly one version marked as storage version',
      'status.storedVersions: Invalid value: null: must have at least one stored version',
    ],
  },
  {
    name: 'three versions of one name, which differ in their columns',
    change: object => {
      const [version] = object.spec.versions
      const more = { ...version!, storage: false, served: false }
      const additionalPrinterColumns = [{ name: 'A', type: 'string', jsonPath: '.a' }]
      object.spec.versions = [version!, more, { ...more, additionalPrinterColumns }]
    },
    errors: [
      `spec.versions: Invalid value: [${shownVersion(true, true)},${shownVersion(false, false)},${shownVersion(
        false,
        false,
        '[{"Name":"A","Type":"string","Format":"","Description":"","Priority":0,"JSONPath":".a"}]',
      )}]: must contain unique version names`,
    ],
  },
  {
    name: 'no schema',
    change: object => {
      delete object.spec.versions[0]!.schema
    },
    errors: ['spec.versions[0].schema.openAPIV3Schema: Required value'],
  },
  {
    name: 'unknown fields and odd warnings',
    change: object => {
      object.spec.preserveUnknownFields = true
      object.spec.versions[0]!.deprecated = true
      object.spec.versions[0]!.deprecationWarning = 'a\tb'
    },
    errors: [
      'spec.versions[0].deprecationWarning: Invalid value: "a\\tb": must only contain printable UTF-8 characters; non-printable character found at index 1',
      'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    ],
  },
])

const service = {
  metadata: { name: 'v1.example.com' },
  spec: { group: 'example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10 },
} as unknown as APIService

testCreate(APIServiceKind, service, [
  {
    name: 'another name than its own',
    change: object => {
      object.metadata.name = 'x'
    },
    errors: ['metadata.name: Invalid value: "x": must be `spec.version+"."+spec.group`: "v1.example.com"'],
  },
])
