/** Laying a configuration over an object (sigs.k8s.io/structured-merge-diff/typed/merge.go). Nothing is removed by it. */
import { setField } from '../clone.ts'
import { deepEqual } from '../equality.ts'
import { entryElement } from './elements.ts'
import { childType, DEDUCED, entryType, formOf, isVoid, listOf, type Plain, type Type } from './shape.ts'

/**
 * The object with everything that the configuration says. Shares with both what it does not change: what the configuration leaves
 * as it is comes back as the same value, so that whoever compares need not look into it. Throws ElementError where entries of a
 * list cannot be told apart.
 */
export function mergeConfig(type: Type, live: unknown, config: unknown): unknown {
  if (config === undefined) return live
  if (live === undefined) return config
  const form = formOf(type, config)
  if (form === 'leaf' || form !== formOf(type, live) || (isVoid(live) && isVoid(config))) {
    return deepEqual(live, config) ? live : config
  }
  if (form === 'map') return mergeMaps(type, (live ?? {}) as Plain, (config ?? {}) as Plain)
  return mergeLists(type, (live ?? []) as readonly unknown[], (config ?? []) as readonly unknown[])
}

function mergeMaps(type: Type, live: Plain, config: Plain): Plain {
  let out: Record<string, unknown> | undefined
  for (const key of Object.keys(config)) {
    const own = Object.hasOwn(live, key) ? live[key] : undefined
    const merged = mergeConfig(childType(type.schema, key) ?? DEDUCED, own, config[key])
    if (merged === own && own !== undefined) continue
    out ??= { ...live }
    setField(out, key, merged)
  }
  return out ?? live
}

/**
 * The order is the live one, with entries of the configuration in the configuration's order: each stands where its predecessor
 * in the configuration was merged.
 */
function mergeLists(type: Type, live: readonly unknown[], config: readonly unknown[]): readonly unknown[] {
  const list = listOf(type)
  const items = entryType(list.items)
  const merger = new ListMerger(
    live.map(entry => entryElement(list, entry)),
    config.map(entry => entryElement(list, entry)),
  )
  const byElement = new Map<string, unknown>()
  for (const [i, element] of merger.live.entries()) byElement.set(element, byElement.has(element) ? undefined : live[i])
  const merged = merger
    .order()
    .map(({ from, index }) =>
      from === 'live' ? live[index] : mergeConfig(items, byElement.get(merger.config[index]!), config[index]),
    )
  return merged.length === live.length && merged.every((each, i) => each === live[i]) ? live : merged
}

interface Place {
  readonly from: 'live' | 'config'
  readonly index: number
}

class ListMerger {
  readonly live: readonly string[]
  readonly config: readonly string[]

  constructor(live: readonly string[], config: readonly string[]) {
    this.live = live
    this.config = config
  }

  order(): Place[] {
    const { live, config } = this
    const inLive = new Set(live)
    const inConfig = new Set(config)
    const shared = config.filter(element => inLive.has(element))
    const merged = new Set<string>()
    const places: Place[] = []
    let next = shared.shift()
    let l = 0
    let c = 0
    const takeConfig = (): void => {
      merged.add(config[c]!)
      places.push({ from: 'config', index: c++ })
    }
    while (l < live.length || c < config.length) {
      if (l < live.length && c < config.length) {
        if (live[l] === config[c]) {
          takeConfig()
          l++
          next = shared.shift()
          continue
        }
        // An entry whose place the configuration moves further back: it comes with the configuration.
        if (inConfig.has(live[l]!) && next !== undefined && next !== live[l]) {
          l++
          continue
        }
      }
      if (l < live.length) {
        if (!inConfig.has(live[l]!)) {
          places.push({ from: 'live', index: l++ })
          continue
        }
        if (merged.has(live[l]!)) l++
      }
      if (c < config.length) {
        const element = config[c]
        takeConfig()
        if (next === element) next = shared.shift()
      }
    }
    return places
  }
}
