/**
 * Reads what the facts table needs of Go API sources: struct fields with their tags and comment markers, named types,
 * enums and string constants. It understands gofmt-formatted declarations as Kubernetes writes them, not Go at large.
 */

/** Comment markers such as `+listType=map`: name to its values in order (empty string where there is none). */
export type Markers = ReadonlyMap<string, readonly string[]>

export interface GoField {
  name: string
  embedded: boolean
  /** As written, for example `*metav1.Time` or `[]Container`. */
  type: string
  /** Struct tags: json, protobuf, patchStrategy, patchMergeKey. */
  tags: ReadonlyMap<string, string>
  markers: Markers
}

export interface GoStruct {
  name: string
  markers: Markers
  fields: GoField[]
}

export interface GoPackage {
  structs: Map<string, GoStruct>
  /** `type X Y` and `type X = Y`: the text of Y. */
  named: Map<string, string>
  /** Names of types with `+enum`. */
  enums: Set<string>
  /** String constants that have a type of this package: type name to values in order of appearance. */
  typedConstants: Map<string, string[]>
  /** Names of constants of other packages that are values of a type too (`IPv4 = AddressType(v1.IPv4Protocol)`). */
  borrowedConstants: Map<string, string[]>
  /** Every string constant by name. */
  constants: Map<string, string>
}

function markersOf(comment: readonly string[]): Markers {
  const found = new Map<string, string[]>()
  for (const line of comment) {
    const marker = /^\+([\w.:-]+)(?:=(.*))?$/.exec(line)
    if (marker) found.set(marker[1]!, [...(found.get(marker[1]!) ?? []), marker[2] ?? ''])
  }
  return found
}

function tagsOf(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/([\w-]+):"([^"]*)"/g)].map(tag => [tag[1]!, tag[2]!]))
}

function fieldOf(line: string, comment: readonly string[]): GoField | undefined {
  const match = /^\s*(?:(\w+)\s+)?(\S.*?)\s+`([^`]*)`/.exec(line)
  if (!match) return undefined
  const type = match[2]!
  return {
    name: match[1] ?? type.replace(/^\*?(\w+\.)?/, ''),
    embedded: match[1] === undefined,
    type,
    tags: tagsOf(match[3]!),
    markers: markersOf(comment),
  }
}

/** Adds the declarations of one file to `into`. */
export function parseGoFile(text: string, into: GoPackage): void {
  let comment: string[] = []
  let current: GoStruct | undefined
  for (const line of text.split('\n')) {
    const trimmed = line.trim()
    if (trimmed.startsWith('//')) {
      comment.push(trimmed.slice(2).trim())
      continue
    }
    if (current) {
      if (line.startsWith('}')) current = undefined
      else {
        const field = fieldOf(line, comment)
        if (field) current.fields.push(field)
      }
    } else current = declaration(line, comment, into)
    comment = []
  }
}

function declaration(line: string, comment: readonly string[], into: GoPackage): GoStruct | undefined {
  const struct = /^type (\w+) struct \{(\})?/.exec(line)
  if (struct) {
    const value: GoStruct = { name: struct[1]!, markers: markersOf(comment), fields: [] }
    into.structs.set(value.name, value)
    return struct[2] ? undefined : value
  }
  const named = /^type (\w+) (?:= )?([^\s{]+)/.exec(line)
  if (named && named[2] !== 'interface') {
    into.named.set(named[1]!, named[2]!)
    if (comment.includes('+enum')) into.enums.add(named[1]!)
  }
  const constant = /^(?:const\s+|\t)(\w+)(?:\s+(\w+))?\s+=\s+(?:(\w+)\()?"([^"]*)"/.exec(line)
  if (constant) {
    const [, name, typeName, conversion, value] = constant
    into.constants.set(name!, value!)
    const type = typeName ?? conversion
    if (type !== undefined) addTo(into.typedConstants, type, value!)
  }
  const borrowed = /^(?:const\s+|\t)\w+\s+=\s+(\w+)\(\w+\.(\w+)\)/.exec(line)
  if (borrowed) addTo(into.borrowedConstants, borrowed[1]!, borrowed[2]!)
  return undefined
}

function addTo(map: Map<string, string[]>, key: string, value: string): void {
  map.set(key, [...(map.get(key) ?? []), value])
}

export function emptyGoPackage(): GoPackage {
  return {
    structs: new Map(),
    named: new Map(),
    enums: new Set(),
    typedConstants: new Map(),
    borrowedConstants: new Map(),
    constants: new Map(),
  }
}
