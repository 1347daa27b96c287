/**
 * The text form of the facts table (`generated/facts.ts`, written by tools/schema).
 *
 * A message begins with its name and its notes (`kind`: it has apiVersion and kind; `atomic`: one value for apply). Its
 * fields follow, indented: number, JSON name, type, flags, extras. `[T` is a list, `{:T` a map from string. Flags: p pointer,
 * o omitempty, i inline, r required, `-` none. Extras are joined by `;`: l list type, k list-map keys, s patch strategies, m patch
 * merge key, t map or struct type, d default as JSON, e enum, g Go type where it says more than the type.
 * `=name a b c` gives the values of an enum.
 */
export interface FieldFacts {
  number: number
  name: string
  type: string
  flags: string
  extras: ReadonlyMap<string, string>
}

export interface MessageFacts {
  name: string
  notes: readonly string[]
  fields: readonly FieldFacts[]
}

/** Splits the table into blocks by name, without parsing them. Names of enums begin with `=`. */
export function splitFacts(text: string): Map<string, string> {
  const blocks = new Map<string, string>()
  let start = 0
  while (start < text.length) {
    let end = text.indexOf('\n', start)
    const head = end
    while (end >= 0 && text[end + 1] === ' ') end = text.indexOf('\n', end + 1)
    if (end < 0) end = text.length
    if (end > start) blocks.set(firstWord(text, start, head < 0 ? end : head), text.slice(start, end))
    start = end + 1
  }
  return blocks
}

function firstWord(text: string, start: number, end: number): string {
  const space = text.indexOf(' ', start)
  return text.slice(start, space < 0 || space > end ? end : space)
}

export function parseMessage(block: string): MessageFacts {
  const [head, ...lines] = block.trimEnd().split('\n')
  const [name, ...notes] = head!.split(' ')
  return { name: name!, notes, fields: lines.map(parseField) }
}

function parseField(line: string): FieldFacts {
  const [, number, name, type, flags = '-', ...rest] = line.split(' ')
  const extras = new Map<string, string>()
  if (rest.length > 0) for (const extra of rest.join(' ').split(';')) extras.set(extra[0]!, extra.slice(2))
  return { number: Number(number), name: name!, type: type!, flags, extras }
}

/** The values of an enum block; blanks within them are written as `%20`. */
export function parseEnum(block: string): string[] {
  return block
    .trimEnd()
    .split(' ')
    .slice(1)
    .map(value => (value === '""' ? '' : value.replaceAll('%20', ' ')))
}
