/** `/statusz`: what this server is, and for how long it has been running (KEP-4827, k8s.io/apiserver/pkg/server/statusz). */
import { formatTime } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import { versionInfo } from '../discovery/version.ts'
import { toYaml } from '../encoding/encoder.ts'
import { type ApiRequest, type ApiResponse, jsonResponse, textResponse } from '../http/message.ts'
import { type PageForm, pageForm } from './negotiate.ts'

const COMPONENT = 'apiserver'
const KIND = 'Statusz'
/** What serves objects and documents tells nothing of the server. */
const NO_DEBUGGING: ReadonlySet<string> = new Set(['apis', 'api', 'openid', 'openapi', '.well-known'])
const OLD = '299 - "This version of the statusz endpoint is deprecated. Please use a newer version."'

export class Statusz {
  readonly #clock: Clock
  readonly #version: Readonly<Record<string, string>>
  readonly #started: number

  constructor(clock: Clock, gitVersion: string) {
    this.#clock = clock
    this.#version = versionInfo(gitVersion)
    this.#started = clock.now()
  }

  /** `paths` are those that the server lists. Throws StatusError 406. */
  serve({ headers }: Pick<ApiRequest, 'headers'>, paths: readonly string[]): ApiResponse {
    const form = pageForm(headers, KIND)
    if (form.media === 'text') return textResponse(200, this.text(firstSegments(paths)))
    const warning: Record<string, string> = form.version === 'v1alpha1' ? { warning: OLD } : {}
    const answer = jsonResponse(200, this.object(form, firstSegments(paths)), warning)
    if (form.media === 'json') return answer
    return {
      ...answer,
      headers: { ...answer.headers, 'content-type': 'application/yaml' },
      body: toYaml(answer.body as Uint8Array),
    }
  }

  private object({ version }: PageForm, paths: readonly string[]): object {
    return {
      kind: KIND,
      apiVersion: `config.k8s.io/${version}`,
      metadata: { name: COMPONENT },
      startTime: formatTime(this.#started),
      uptimeSeconds: this.uptime(),
      goVersion: this.#version.goVersion,
      binaryVersion: this.binaryVersion(),
      emulationVersion: this.emulationVersion(),
      paths,
    }
  }

  private text(paths: readonly string[]): string {
    const up = this.uptime()
    const two = (value: number): string => String(value).padStart(2, '0')
    return `
${COMPONENT} statusz
Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.

Started: ${new Date(this.#started).toUTCString()}
Up: ${Math.floor(up / 3600)} hr ${two(Math.floor(up / 60) % 60)} min ${two(up % 60)} sec
Go version: ${this.#version.goVersion}
Binary version: ${this.binaryVersion()}
Emulation version: ${this.emulationVersion()}
Paths: ${paths.join(' ')}
`
  }

  private uptime(): number {
    return Math.max(0, Math.floor((this.#clock.now() - this.#started) / 1000))
  }

  private binaryVersion(): string {
    return (this.#version.gitVersion ?? '').replace(/^v/, '')
  }

  private emulationVersion(): string {
    return `${this.#version.emulationMajor}.${this.#version.emulationMinor}`
  }
}

function firstSegments(paths: readonly string[]): string[] {
  const names = new Set(paths.map(path => path.split('/')[1] ?? ''))
  return [...names]
    .filter(name => name !== '' && !NO_DEBUGGING.has(name))
    .map(name => `/${name}`)
    .sort()
}
