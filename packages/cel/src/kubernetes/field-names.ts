const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
)

const escapes: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
}

/**
 * The name of a field as expressions write it; undefined for names that they cannot write. `namespace` becomes
 * `__namespace__`, `a-b` becomes `a__dash__b`. Behaviour: apiserver pkg/cel/escaping.go.
 */
export function escapeFieldName(name: string): string | undefined {
  if (name === '' || /^[0-9]/.test(name) || /[^A-Za-z0-9_./-]/.test(name)) return undefined
  if (reserved.has(name)) return `__${name}__`
  return name.replace(/__|[-./]/g, part => escapes[part]!)
}

/** Whether expressions may write a field as it is only behind a dot, since the word is one of the language's. */
export const isReservedWord = (name: string): boolean => reserved.has(name)

const plain = /^(?!.*__)/s

/** The field that an expression means by a name; undefined where the name has an escape that is none. */
export function unescapeFieldName(name: string): string | undefined {
  if (plain.test(name)) return name
  let valid = true
  const field = name.replace(/__([^_]+)__/g, (whole, word: string) => {
    const known = Object.entries(escapes).find(([, escaped]) => escaped === whole)
    if (known !== undefined) return known[0]
    if (!reserved.has(word) || whole !== name) valid = false
    return word
  })
  return valid ? field : undefined
}
