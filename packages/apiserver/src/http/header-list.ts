/** Headers as HTTP/2 has them: names, all in lower case, and values in turn. */
import type { ApiResponse } from './message.ts'

/** Adds those of an answer to `list`. Where the body is counted its length is left out: who carries the answer adds it. */
export function headerList({ headers }: Pick<ApiResponse, 'headers'>, counted: boolean, list: string[]): string[] {
  for (const name in headers) {
    const value = headers[name]!
    if (name === 'connection' || (name === 'content-length' && counted)) continue
    if (typeof value === 'string') list.push(name, value)
    else for (const each of value) list.push(name, each)
  }
  return list
}

/** The values of each header apart. */
export function distinctHeaders(list: readonly string[]): Record<string, string[]> {
  const result: Record<string, string[]> = Object.create(null)
  for (let index = 0; index < list.length; index += 2) {
    const values = result[list[index]!]
    if (values === undefined) result[list[index]!] = [list[index + 1]!]
    else values.push(list[index + 1]!)
  }
  return result
}

/** Whether there is one whose name begins so. */
export function hasNameLike(list: readonly string[], prefix: string): boolean {
  for (let index = 0; index < list.length; index += 2) if (list[index]!.startsWith(prefix)) return true
  return false
}
