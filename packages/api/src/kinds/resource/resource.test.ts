import type { ResourceClaim, ResourceSlice } from '../../generated/resource.v1.ts'
import { testCreate, testUpdate } from '../../testing/validation-table.ts'
import { ResourceClaimKind } from './resourceclaim.ts'
import { ResourceSliceKind } from './resourceslice.ts'

const metadata = { name: 'a', namespace: 'default' }
const claim = {
  metadata,
  spec: { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] } },
} as unknown as ResourceClaim

testCreate(ResourceClaimKind, claim, [
  {
    name: 'request for nothing',
    change: object => {
      object.spec.devices.requests = [{ name: 'gpu' }]
    },
    errors: ['spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required'],
  },
  {
    name: 'a count of all',
    change: object => {
      object.spec.devices.requests![0]!.exactly = { deviceClassName: 'a', allocationMode: 'All', count: 2 }
    },
    errors: [
      "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
    ],
  },
])

testUpdate(ResourceClaimKind, claim, [
  {
    name: 'requests',
    change: object => {
      object.spec = { devices: {} }
    },
    errors: ['spec: Invalid value: {"devices":{}}: field is immutable'],
  },
])

const slice = {
  metadata: { name: 's' },
  spec: { driver: 'gpu.example.com', pool: { name: 'n1', generation: 1, resourceSliceCount: 1 }, nodeName: 'n1' },
} as unknown as ResourceSlice

testCreate(ResourceSliceKind, slice, [
  {
    name: 'nowhere',
    change: object => {
      delete object.spec.nodeName
    },
    errors: [
      'spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
    ],
  },
])
