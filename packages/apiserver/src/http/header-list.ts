/** The headers of an answer as HTTP/2 writes them: names and values in turn. */
import type { ApiResponse } from './message.ts'

/** Adds them to `list`. Where the body is counted its length is left out: who carries the answer adds it. */
export function headerList({ headers }: Pick<ApiResponse, 'headers'>, counted: boolean, list: string[]): string[] {
  for (const name in headers) {
    const value = headers[name]!
    if (name === 'connection' || (name === 'content-length' && counted)) continue
    if (typeof value === 'string') list.push(name, value)
    else for (const each of value) list.push(name, each)
  }
  return list
}
