/** Asks a component of the control plane how it is (pkg/probe/http, pkg/registry/core/componentstatus/validator.go). */
import { request } from 'node:https'
import { transportProblem } from '../webhook/problems.ts'

export interface ComponentHealth {
  readonly healthy: boolean
  readonly message?: string
  readonly error?: string
}

const PATIENCE = 20_000
/** Bytes of an answer that are kept, as upstream. */
const MOST_TEXT = 10 * 1024

/** What `url` says of itself. Anybody may answer there: the certificate is not looked at, as upstream does. Never rejects. */
export function probeComponent(url: string): Promise<ComponentHealth> {
  return new Promise(resolve => {
    const asking = request(url, { rejectUnauthorized: false, agent: false, timeout: PATIENCE }, answer => {
      const { statusCode = 500 } = answer
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (part: string) => {
        if (text.length < MOST_TEXT) text += part
      })
      answer.on('error', fail)
      answer.on('end', () => {
        if (statusCode < 400) resolve({ healthy: true, message: text.slice(0, MOST_TEXT) })
        else resolve({ healthy: false, message: `HTTP probe failed with statuscode: ${statusCode}` })
      })
    })
    const fail = (error: unknown): void =>
      resolve({ healthy: false, message: `Get "${url}": ${transportProblem(error, new URL(url).origin)}` })
    asking.on('timeout', () => asking.destroy(new Error('context deadline exceeded')))
    asking.on('error', fail)
    asking.end()
  })
}
