/** `/statusz`: what this server is, and for how long it has been running (KEP-4827, k8s.io/apiserver/pkg/server/statusz). */
import { formatTime } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import { versionInfo } from '../discovery/version.ts'
import type { ApiRequest, ApiResponse } from '../http/message.ts'
import { servePage } from './page.ts'

/** What serves objects and documents tells nothing of the server. */
const NO_DEBUGGING: ReadonlySet<string> = new Set(['apis', 'api', 'openid', 'openapi', '.well-known'])

export class Statusz {
  readonly #clock: Clock
  readonly #version: Readonly<Record<string, string>>
  readonly #component: string
  readonly #started: number

  constructor(clock: Clock, component: string, gitVersion?: string) {
    this.#clock = clock
    this.#version = versionInfo(gitVersion)
    this.#component = component
    this.#started = clock.now()
  }

  /** `paths` are those that the server lists. Throws StatusError 406. */
  serve(request: Pick<ApiRequest, 'headers'>, paths: readonly string[]): ApiResponse {
    return servePage(request, {
      component: this.#component,
      kind: 'Statusz',
      text: () => this.text(firstSegments(paths)),
      fields: () => this.fields(firstSegments(paths)),
    })
  }

  private fields(paths: readonly string[]): object {
    return {
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
Started: ${unixDate(this.#started)}
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

/** As Go writes `time.UnixDate`: `Sun Nov 29 16:12:26 UTC 2026`. */
function unixDate(milliseconds: number): string {
  const [day = '', date = '', month, year, time] = new Date(milliseconds).toUTCString().split(' ')
  return `${day.replace(',', '')} ${month} ${String(Number(date)).padStart(2)} ${time} UTC ${year}`
}

function firstSegments(paths: readonly string[]): string[] {
  const names = new Set(paths.map(path => path.split('/')[1] ?? ''))
  return [...names]
    .filter(name => name !== '' && !NO_DEBUGGING.has(name))
    .map(name => `/${name}`)
    .sort()
}
