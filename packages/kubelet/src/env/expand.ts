/**
 * Replaces `$(NAME)` by the value of a variable; `$$` stands for `$`, and references to unknown variables stay as they are
 * (upstream third_party/forked/golang/expansion). Names are looked up with `lookup`.
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let result = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char !== '$' || at + 1 >= text.length) {
      result += char
      continue
    }
    const next = text[at + 1]
    if (next === '$') {
      result += '$'
      at++
    } else if (next === '(') {
      const end = text.indexOf(')', at + 2)
      if (end < 0) {
        result += '$('
        at++
        continue
      }
      const name = text.slice(at + 2, end)
      result += lookup(name) ?? `$(${name})`
      at = end
    } else {
      result += `$${next}`
      at++
    }
  }
  return result
}
