import { readFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Failure } from '@canopus/cli'
import {
  type AskExtender,
  type ExtenderConfiguration,
  type PluginFactory,
  readConfiguration,
  type SchedulerConfiguration,
  type SchedulerPlugin,
} from '@canopus/scheduler'
import { load } from 'js-yaml'

/** Reads a `KubeSchedulerConfiguration` file. Throws `Failure` where it is not there or says what makes no sense. */
export function readSchedulerConfiguration(path: string): SchedulerConfiguration {
  try {
    return readConfiguration(load(readFileSync(path, 'utf8')) ?? {})
  } catch (error) {
    throw new Failure(`--config: ${path}: ${error instanceof Error ? error.message : error}`)
  }
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
  const text = await post(
    url,
    JSON.stringify(body),
    extender,
    AbortSignal.any([signal, AbortSignal.timeout(extender.timeout)]),
  )
  return JSON.parse(text) as unknown
}

function post(url: URL, body: string, { tls }: ExtenderConfiguration, signal: AbortSignal): Promise<string> {
  const file = (path: string | undefined): Buffer | undefined => (path === undefined ? undefined : readFileSync(path))
  const options = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    signal,
    ca: file(tls?.caFile),
    cert: file(tls?.certFile),
    key: file(tls?.keyFile),
    rejectUnauthorized: tls?.insecure !== true,
  }
  return new Promise((fulfil, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, response => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) fulfil(Buffer.concat(parts).toString())
        else reject(new Error(`failed with status ${response.statusCode}, want 200: ${url}`))
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}
