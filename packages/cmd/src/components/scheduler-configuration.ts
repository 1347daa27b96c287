import { readFileSync, writeFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { RateLimit } from '@canopus/base'
import { Failure } from '@canopus/cli'
import {
  type AskExtender,
  type ClientConnectionConfiguration,
  type ExtenderConfiguration,
  type PluginFactory,
  readConfiguration,
  type SchedulerConfiguration,
  type SchedulerPlugin,
  writtenConfiguration,
} from '@canopus/scheduler'
import { dump, load } from 'js-yaml'

/** Reads a `KubeSchedulerConfiguration` file. Throws `Failure` where it is not there or says what makes no sense. */
export function readSchedulerConfiguration(path: string): SchedulerConfiguration {
  try {
    return readConfiguration(load(readFileSync(path, 'utf8')) ?? {})
  } catch (error) {
    throw new Failure(`--config: ${path}: ${error instanceof Error ? error.message : error}`)
  }
}

/** Writes the configuration, with its defaults, as YAML. Throws `Failure` where the file cannot be written. */
export function writeSchedulerConfiguration(path: string, configuration: SchedulerConfiguration): void {
  try {
    writeFileSync(path, dump(writtenConfiguration(configuration), { noRefs: true }))
  } catch (error) {
    throw new Failure(`--write-config-to: ${path}: ${error instanceof Error ? error.message : error}`)
  }
}

/**
 * No limit where nobody names one; upstream's defaults of the one where only the other is named. Nothing at all means client-go's own
 * limits, and less than nothing none.
 */
export function limitsOf(named: ClientConnectionConfiguration): RateLimit | undefined {
  const { qps = 50, burst = 100 } = named
  const isNamed = named.qps !== undefined || named.burst !== undefined
  return isNamed && qps >= 0 ? { qps: qps || 5, burst: burst || 10 } : undefined
}

/**
 * Imports a module of the user's whose default export is a plugin, or a list of plugins: the configuration enables them by
 * their names. Throws `Failure` where it is something else.
 */
export async function importPlugins(path: string): Promise<Record<string, PluginFactory>> {
  let module: { default?: unknown }
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as typeof module
  } catch (error) {
    throw new Failure(`--plugin: ${path}: ${error instanceof Error ? error.message : error}`)
  }
  const plugins = [module.default].flat()
  if (!plugins.every(isPlugin)) throw new Failure(`--plugin: ${path}: the default export must be a plugin with a name`)
  return Object.fromEntries(plugins.map(plugin => [plugin.name, () => plugin]))
}

const isPlugin = (value: unknown): value is SchedulerPlugin =>
  typeof value === 'object' && value !== null && typeof (value as { name?: unknown }).name === 'string'

/** Asks extenders over HTTP and HTTPS. */
export const askExtender: AskExtender = async (extender, verb, body, signal) => {
  const url = new URL(`${extender.urlPrefix.replace(/\/+$/, '')}/${verb}`)
  const { status, text } = await post(
    url,
    JSON.stringify(body),
    extender,
    AbortSignal.any([signal, AbortSignal.timeout(extender.timeout)]),
  )
  if (status !== 200) throw new Error(`failed ${verb} with extender at URL ${url}, code ${status}`)
  return JSON.parse(text) as unknown
}

interface HttpAnswer {
  readonly status: number | undefined
  readonly text: string
}

function post(url: URL, body: string, { tls }: ExtenderConfiguration, signal: AbortSignal): Promise<HttpAnswer> {
  const pem = (data: string | undefined, path: string | undefined): Buffer | undefined => {
    if (data !== undefined) return Buffer.from(data, 'base64')
    return path === undefined ? undefined : readFileSync(path)
  }
  const options = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    signal,
    ca: pem(tls?.caData, tls?.caFile),
    cert: pem(tls?.certData, tls?.certFile),
    key: pem(tls?.keyData, tls?.keyFile),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    rejectUnauthorized: tls?.insecure !== true,
  }
  return new Promise((fulfil, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, response => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        fulfil({ status: response.statusCode, text: Buffer.concat(parts).toString() })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}
