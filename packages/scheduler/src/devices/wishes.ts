import type {
  CapacityRequirements,
  DeviceClass,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  DeviceTaint,
  DeviceToleration,
  ResourceClaim,
} from '@canopus/api/resource/v1'
import { messageOf } from '@canopus/base'
import { deviceMatches } from './device-selector.ts'
import type { SlicedDevice } from './pools.ts'

/** A request, or one of the alternatives of a request. */
export interface Wish {
  /** `request` or `request/alternative`. */
  readonly name: string
  readonly base: string
  readonly selectors: readonly DeviceSelector[]
  readonly deviceClass: DeviceClass
  readonly adminAccess: boolean
  readonly tolerations: readonly DeviceToleration[]
  readonly capacity: CapacityRequirements | undefined
  readonly count: number
  /** For requests that want all devices: which ones. */
  readonly all: readonly SlicedDevice[] | undefined
}

export const nameOf = ({ metadata }: ResourceClaim): string => `${metadata.namespace}/${metadata.name}`

/** How a wish is told in errors: alternatives by their own names. */
export const shortName = (name: string): string => name.slice(name.indexOf('/') + 1)

/** Finds all devices for a wish that wants all. */
export type FindAll = (wish: Wish, about: string) => readonly SlicedDevice[]

/**
 * The alternatives of each request of a claim; of plain requests there is one.
 *
 * @throws Error in upstream's words where a request asks for what cannot be.
 */
export function wishesOf(
  claim: ResourceClaim,
  classOf: (name: string) => DeviceClass | undefined,
  findAll: FindAll,
): Wish[][] {
  const make = (base: string, name: string, asked: NonNullable<DeviceRequest['exactly']> | DeviceSubRequest): Wish => {
    const about = `claim ${nameOf(claim)}, request ${shortName(name)}`
    for (const [index, { cel }] of (asked.selectors ?? []).entries()) {
      if (cel !== undefined) continue
      throw new Error(`${about}, selector #${index}: CEL expression empty (unsupported selector type?)`)
    }
    if (!asked.deviceClassName) throw new Error(`${about}: missing device class name (unsupported request type?)`)
    const deviceClass = classOf(asked.deviceClassName)
    if (deviceClass === undefined) {
      const missing = `deviceclass.resource.k8s.io "${asked.deviceClassName}" not found`
      throw new Error(`${about}: could not retrieve device class ${asked.deviceClassName}: ${missing}`)
    }
    const wish: Wish = {
      name,
      base,
      deviceClass,
      selectors: asked.selectors ?? [],
      adminAccess: 'adminAccess' in asked && asked.adminAccess === true,
      tolerations: asked.tolerations ?? [],
      capacity: asked.capacity,
      count: asked.count ?? 1,
      all: undefined,
    }
    const mode = asked.allocationMode ?? 'ExactCount'
    if (mode === 'ExactCount') return wish
    if (mode !== 'All') throw new Error(`${about}: unsupported count mode ${mode}`)
    const all = findAll(wish, about)
    return { ...wish, all, count: all.length }
  }
  return (claim.spec.devices.requests ?? []).map(request => {
    if (request.exactly) return [make(request.name, request.name, request.exactly)]
    const alternatives = request.firstAvailable ?? []
    if (alternatives.length === 0) throw new Error(`request ${request.name}: unsupported request type`)
    return alternatives.map(each => make(request.name, `${request.name}/${each.name}`, each))
  })
}

/** Whether class and request both select the device. @throws Error where a selector fails. */
export function isSelected(wish: Wish, each: SlicedDevice, claim: ResourceClaim): boolean {
  const { deviceClass, selectors } = wish
  return (
    selects(deviceClass.spec.selectors ?? [], each, `class ${deviceClass.metadata.name}`) &&
    selects(selectors, each, `claim ${nameOf(claim)}`)
  )
}

function selects(selectors: readonly DeviceSelector[], { device, slice }: SlicedDevice, about: string): boolean {
  return selectors.every(({ cel }, index) => {
    try {
      return cel !== undefined && deviceMatches(cel.expression, slice.spec.driver, device)
    } catch (error) {
      throw new Error(`${about}: selector #${index}: ${messageOf(error)}`)
    }
  })
}

/** Whether a taint keeps the device from the wish. */
export function isTaintedFor({ tolerations }: Wish, { device }: SlicedDevice): boolean {
  return (device.taints ?? []).some(taint => prevents(taint, tolerations))
}

function prevents(taint: DeviceTaint, tolerations: readonly DeviceToleration[]): boolean {
  if (taint.effect !== 'NoSchedule' && taint.effect !== 'NoExecute') return false
  return !tolerations.some(({ key, operator = 'Equal', value = '', effect }) => {
    if ((effect && effect !== taint.effect) || (key && key !== taint.key)) return false
    return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''))
  })
}
