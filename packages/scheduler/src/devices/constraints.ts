import type { Device, DeviceAttribute, DeviceConstraint } from '@canopus/api/resource/v1'
import type { SlicedDevice } from './pools.ts'

/** Something that the devices of a claim must have in common, or must not. It never becomes true by more devices. */
export interface Constraint {
  /** Counts the device in; false (and it is not) where it does not go with the others. */
  add(base: string, name: string, device: SlicedDevice): boolean
  /** Counts the device out that was added last. */
  remove(base: string, name: string): void
}

/** @throws Error for kinds of constraints that are not known; `about` says which constraint that is. */
export function constraintOf(
  { requests = [], matchAttribute, distinctAttribute }: DeviceConstraint,
  about: string,
): Constraint {
  const attribute = matchAttribute ?? distinctAttribute
  if (attribute === undefined) throw new Error(`${about}: empty constraint (unsupported constraint type?)`)
  const concerns = (base: string, name: string): boolean =>
    requests.length === 0 || requests.includes(base) || requests.includes(name)
  const values: string[] = []
  return {
    add(base, name, device) {
      if (!concerns(base, name)) return true
      const value = attributeText(device, attribute)
      if (value === undefined) return false
      const fits = matchAttribute === undefined ? !values.includes(value) : values.length === 0 || values[0] === value
      if (fits) values.push(value)
      return fits
    },
    remove(base, name) {
      if (concerns(base, name)) values.pop()
    },
  }
}

/** The value of a fully qualified attribute, in a form in which only equal values of one type are equal. */
function attributeText({ device, slice }: SlicedDevice, name: string): string | undefined {
  const attribute = attributeOf(device, slice.spec.driver, name)
  return attribute === undefined ? undefined : JSON.stringify(attribute)
}

function attributeOf({ attributes = {} }: Device, driver: string, name: string): DeviceAttribute | undefined {
  if (attributes[name] !== undefined) return attributes[name]
  const slash = name.indexOf('/')
  return slash >= 0 && name.slice(0, slash) === driver ? attributes[name.slice(slash + 1)] : undefined
}
