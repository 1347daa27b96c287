import type { Device, DeviceAttribute } from '@canopus/api/resource/v1'
import { parseQuantity } from '@canopus/apimachinery'
import { LruCache } from '@canopus/base'
import {
  compileDeviceSelector,
  DEVICE_COST_LIMIT,
  type DeviceSelector,
  EntryMap,
  fromJson,
  MapValue,
  parseSemver,
  QuantityValue,
  type Value,
} from '@canopus/cel'

/** A map in which every key that is missing has an empty map, so that looking for a domain never fails. */
class Domains extends MapValue {
  readonly #domains: EntryMap

  constructor(domains: EntryMap) {
    super()
    this.#domains = domains
  }

  get size(): number {
    return this.#domains.size
  }

  find(key: Value): Value {
    return this.#domains.find(key) ?? EntryMap.of([])
  }

  keys(): Value[] {
    return this.#domains.keys()
  }
}

const compiled = new LruCache<string, DeviceSelector>({ capacity: 500 })

/**
 * Whether the expression holds for the device of the driver.
 *
 * @throws Error where it cannot be read or fails, in upstream's words.
 */
export function deviceMatches(expression: string, driver: string, device: Device): boolean {
  let known = compiled.get(expression)
  if (known === undefined) {
    known = compileDeviceSelector(expression)
    compiled.set(expression, known)
  }
  if ('error' in known) throw new Error(`CEL compile error: ${known.error}`)
  const result = known.program.evaluate({ device: deviceValue(driver, device) }, { costLimit: DEVICE_COST_LIMIT })
  if (!result.ok) throw new Error(`CEL runtime error: ${result.error.message}`)
  if (typeof result.value !== 'boolean') throw new Error('CEL runtime error: the result is not a bool')
  return result.value
}

/** By driver first: devices that say the same may be one object, also in slices of different drivers. */
const values = new Map<string, WeakMap<Device, Value>>()

/** A device as expressions see it. Devices of a slice are never changed. */
function deviceValue(driver: string, device: Device): Value {
  let ofDriver = values.get(driver)
  if (ofDriver === undefined) {
    ofDriver = new WeakMap()
    values.set(driver, ofDriver)
  }
  let value = ofDriver.get(device)
  if (value === undefined) {
    value = EntryMap.of([
      ['driver', driver],
      ['allowMultipleAllocations', device.allowMultipleAllocations === true],
      ['attributes', byDomain(driver, device.attributes ?? {}, attributeValue)],
      ['capacity', byDomain(driver, device.capacity ?? {}, each => new QuantityValue(parseQuantity(each.value)))],
    ])
    ofDriver.set(device, value)
  }
  return value
}

function byDomain<T>(driver: string, named: Readonly<Record<string, T>>, value: (each: T) => Value): Domains {
  const domains = new Map<string, EntryMap>()
  for (const [name, each] of Object.entries(named)) {
    const slash = name.indexOf('/')
    const domain = slash < 0 ? driver : name.slice(0, slash)
    let map = domains.get(domain)
    if (map === undefined) {
      map = EntryMap.of([])
      domains.set(domain, map)
    }
    map.put(name.slice(slash + 1), value(each))
  }
  return new Domains(EntryMap.of(domains))
}

function attributeValue(attribute: DeviceAttribute): Value {
  if (attribute.version !== undefined) return parseSemver(attribute.version)
  const value = attribute.int ?? attribute.bool ?? attribute.string
  if (value === undefined) throw new Error('CEL runtime error: unsupported attribute value')
  return fromJson(value)
}
