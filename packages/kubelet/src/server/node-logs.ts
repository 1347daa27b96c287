/** `/logs/`: files below /var/log, and what the node's services log (pkg/kubelet/kubelet.go, kubelet_server_journal.go). */
import { createReadStream } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { messageOf } from '@canopus/base'
import { isMissing, type tryRun } from '@canopus/platform'
import { HttpError } from './http-error.ts'
import {
  checkNodeLogQuery,
  hasOptions,
  journalArguments,
  type NodeLogQuery,
  readNodeLogQuery,
} from './node-log-query.ts'

export const NODE_LOGS = '/var/log'
/** Milliseconds that the journal may take. */
const JOURNAL_TIMEOUT = 30_000

export interface NodeLogs {
  readonly directory: string
  /** Whether `query` means anything (`enableSystemLogQuery`). */
  readonly answersQueries: boolean
  /** Runs `journalctl`. */
  readonly run: typeof tryRun
}

/** Throws HttpError: 400 and 406 for questions that make no sense, 403 and 404 for files. */
export async function serveNodeLogs(
  logs: NodeLogs,
  path: string,
  params: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const query = logs.answersQueries ? readNodeLogQuery(params) : undefined
  if (query === undefined) return serveFile(logs, path, response)
  await checkNodeLogQuery(query, path, file => problemOf(logs, file))
  const [file] = query.files
  if (file !== undefined) return serveFile(logs, file.replaceAll('\\', '/'), response)
  response.writeHead(200, { 'content-type': 'text/plain;charset=UTF-8' })
  await writeServices(logs, query, response)
  response.end()
}

/** Where a path leads to; throws HttpError 403 where that is elsewhere. */
async function within({ directory }: NodeLogs, path: string): Promise<string> {
  const root = await realpath(directory)
  const real = await realpath(join(root, path))
  if (real !== root && !real.startsWith(root + sep)) throw new HttpError(403, 'forbidden')
  return real
}

async function problemOf(logs: NodeLogs, file: string): Promise<string | undefined> {
  if (file.startsWith('/')) return 'path escapes from parent'
  try {
    await within(logs, file)
    return undefined
  } catch (error) {
    if (error instanceof HttpError) return 'path escapes from parent'
    if (isMissing(error)) return 'no such file or directory'
    throw error
  }
}

async function serveFile(logs: NodeLogs, path: string, response: ServerResponse): Promise<void> {
  try {
    const real = await within(logs, path)
    if ((await stat(real)).isDirectory()) return await serveDirectory(real, response)
    response.writeHead(200, { 'content-type': 'text/plain' })
    await pipeline(createReadStream(real), response)
  } catch (error) {
    if (isMissing(error)) throw new HttpError(404, '404 page not found\n')
    throw error
  }
}

async function serveDirectory(directory: string, response: ServerResponse): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true })
  const names = entries.map(entry => `${entry.name}${entry.isDirectory() ? '/' : ''}`).sort()
  const escaped = (text: string): string => text.replace(/[&<>"]/g, char => `&#${char.charCodeAt(0)};`)
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
  response.end(`<pre>\n${names.map(name => `<a href="${encodeURI(name)}">${escaped(name)}</a>\n`).join('')}</pre>\n`)
}

/** Services that log to the journal first, then the files of the others; what goes wrong stands in the text. */
async function writeServices(logs: NodeLogs, query: NodeLogQuery, response: ServerResponse): Promise<void> {
  const signal = AbortSignal.timeout(JOURNAL_TIMEOUT)
  const units = await logs.run('journalctl', ['--field', '_SYSTEMD_UNIT'], { signal }).catch(() => undefined)
  const known = units?.code === 0 ? units.stdout + units.stderr : ''
  const inJournal = query.services.filter(each => known.includes(`${each}.service`))
  const inFiles = query.services.filter(each => !inJournal.includes(each))
  if (inJournal.length > 0) {
    const onOutput = (text: string): void => void response.write(text)
    const options = { signal, onOutput, forgetful: true }
    await logs.run('journalctl', journalArguments(query, inJournal), options).catch(() => {
      if ((query.boot ?? 0) === 0) response.write('\nerror: journal output not available\n')
    })
  }
  if (inFiles.length > 0 && hasOptions(query)) {
    const names = `[${inFiles.join(' ')}]`
    response.write(`\noptions present and query resolved to log files for ${names}\ntry without specifying options\n`)
    return
  }
  for (const service of inFiles) await writeLogOf(logs, service, response)
}

async function writeLogOf(logs: NodeLogs, service: string, response: ServerResponse): Promise<void> {
  for (const path of [service, `${service}.log`, `${service}/${service}.log`]) {
    try {
      const real = await within(logs, path)
      if ((await stat(real)).isDirectory()) continue
      return await pipeline(createReadStream(real), response, { end: false })
    } catch (error) {
      if (isMissing(error)) continue
      const why = messageOf(error)
      response.write(`\nerror getting log for ${service}: ${why}\n`)
      return
    }
  }
  response.write(`\nlog not found for ${service}\n`)
}
