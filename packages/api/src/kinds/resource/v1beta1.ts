/**
 * `resource.k8s.io/v1beta1`, whose requests are exact without saying so and whose devices keep what they are in `basic`
 * (pkg/apis/resource/v1beta1/conversion.go). Everything else is as in v1.
 */
import type { KubeObject } from '@canopus/apimachinery'
import type {
  Device,
  DeviceRequest,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceClaimSpec,
  ResourceClaimTemplate,
  ResourceSlice,
} from '../../generated/resource.v1.ts'
import type { VersionShape } from '../other-shape.ts'

/** The messages that are others than those of v1, in the form of the facts table. */
export const V1BETA1_FACTS = `
resource.v1beta1.DeviceRequest
 1 name string r
 2 deviceClassName string
 3 selectors [resource.v1beta1.DeviceSelector o l=atomic
 4 allocationMode string o e=resource.v1beta1.DeviceAllocationMode;g=v1beta1.DeviceAllocationMode
 5 count int64 o
 6 adminAccess bool po
 7 firstAvailable [resource.v1beta1.DeviceSubRequest o l=atomic
 8 tolerations [resource.v1beta1.DeviceToleration o l=atomic
 9 capacity resource.v1beta1.CapacityRequirements po
resource.v1beta1.DeviceSubRequest
 1 name string r
 2 deviceClassName string r
 3 selectors [resource.v1beta1.DeviceSelector o l=atomic
 4 allocationMode string o e=resource.v1beta1.DeviceAllocationMode;g=v1beta1.DeviceAllocationMode
 5 count int64 o
 7 tolerations [resource.v1beta1.DeviceToleration o l=atomic
 8 capacity resource.v1beta1.CapacityRequirements po
resource.v1beta1.Device
 1 name string r
 2 basic resource.v1beta1.BasicDevice po
resource.v1beta1.BasicDevice
 1 attributes {:resource.v1beta1.DeviceAttribute o g=map[v1beta1.QualifiedName]v1beta1.DeviceAttribute
 2 capacity {:resource.v1beta1.DeviceCapacity o g=map[v1beta1.QualifiedName]v1beta1.DeviceCapacity
 3 consumesCounters [resource.v1beta1.DeviceCounterConsumption o l=atomic
 4 nodeName string po
 5 nodeSelector core.v1.NodeSelector po
 6 allNodes bool po
 7 taints [resource.v1beta1.DeviceTaint o l=atomic
 8 bindsToNode bool po
 9 bindingConditions [string o l=atomic
 10 bindingFailureConditions [string o l=atomic
 11 allowMultipleAllocations bool po
 12 nodeAllocatableResourceMappings {:resource.v1beta1.NodeAllocatableResourceMapping o g=map[v1.ResourceName]v1beta1.NodeAllocatableResourceMapping
`

type OldRequest = Omit<DeviceRequest, 'exactly'> & Partial<ExactDeviceRequest>
type OldDevice = { name: string; basic?: Omit<Device, 'name'> }

/** One is exact that says anything but its name and alternatives, if only by mistake. */
function requestToStable({ name, firstAvailable, ...exactly }: OldRequest): DeviceRequest {
  const { deviceClassName, allocationMode, count, ...others } = exactly
  const isExact = Boolean(deviceClassName || allocationMode || count) || Object.values(others).some(isGiven)
  return {
    name,
    ...(isExact && { exactly: exactly as ExactDeviceRequest }),
    ...(firstAvailable === undefined ? {} : { firstAvailable }),
  }
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

/** The class is written also where there is none. */
const requestFromStable = ({ name, exactly, firstAvailable }: DeviceRequest): OldRequest => ({
  name,
  deviceClassName: '',
  ...exactly,
  ...(firstAvailable === undefined ? {} : { firstAvailable }),
})

const deviceToStable = ({ name, basic }: OldDevice): Device => ({ name, ...basic })
const deviceFromStable = ({ name, ...basic }: Device): OldDevice => ({ name, basic })

type Turn = (request: never) => unknown

function claimSpec<T extends ResourceClaimSpec | undefined>(spec: T, turn: Turn): T {
  if (!Array.isArray(spec?.devices?.requests)) return spec
  return { ...spec, devices: { ...spec.devices, requests: spec.devices.requests.map(turn as never) } }
}

const claim = (turn: Turn) => (object: KubeObject) => {
  const { spec } = object as ResourceClaim
  return spec === undefined ? object : ({ ...object, spec: claimSpec(spec, turn) } as KubeObject)
}

const template = (turn: Turn) => (object: KubeObject) => {
  const { spec } = object as ResourceClaimTemplate
  return spec === undefined
    ? object
    : ({ ...object, spec: { ...spec, spec: claimSpec(spec.spec, turn) } } as KubeObject)
}

const slice = (turn: Turn) => (object: KubeObject) => {
  const { spec } = object as ResourceSlice
  if (!Array.isArray(spec?.devices)) return object
  return { ...object, spec: { ...spec, devices: spec.devices.map(turn as never) } } as KubeObject
}

/** By kind; device classes are the same. */
export const V1BETA1_SHAPES: Readonly<Record<string, VersionShape>> = {
  ResourceClaim: { toStable: claim(requestToStable), fromStable: claim(requestFromStable) },
  ResourceClaimTemplate: { toStable: template(requestToStable), fromStable: template(requestFromStable) },
  ResourceSlice: { toStable: slice(deviceToStable), fromStable: slice(deviceFromStable) },
}
