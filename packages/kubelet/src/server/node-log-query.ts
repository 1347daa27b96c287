/**
 * `/logs/?query=`: which logs of the node's services are asked for, and what is wrong with the question
 * (pkg/kubelet/kubelet_server_journal.go).
 */
import {
  aggregateText,
  type FieldError,
  fieldErrorText,
  invalid,
  parseTime,
  required,
  tooMany,
} from '@canopus/apimachinery'
import { HttpError } from './http-error.ts'

const MOST_LINES = 100_000
const LONGEST_SERVICE = 256
const MOST_SERVICES = 4
const UNSAFE = /[^a-zA-Z\-_.:0-9@]/

export interface NodeLogQuery {
  readonly services: readonly string[]
  readonly files: readonly string[]
  /** In milliseconds. */
  readonly since?: number
  readonly until?: number
  readonly lines?: number
  readonly boot?: number
  readonly pattern?: string
}

/** Whether it asks for more than the whole log. */
export const hasOptions = ({ since, until, lines, boot, pattern }: NodeLogQuery): boolean =>
  [since, until, lines, boot, pattern].some(each => each !== undefined)

/** What is asked for; nothing where it is a file by its path. Throws HttpError 400 where that cannot be read. */
export function readNodeLogQuery(params: URLSearchParams): NodeLogQuery | undefined {
  const errors: FieldError[] = []
  const asked = params.getAll('query')
  const files = asked.filter(each => /[/\\]/.test(each))
  const services = asked.filter(each => !files.includes(each) && each.trim() !== '')
  if (asked.length > 0 && files.length + services.length === 0) errors.push(invalid('query', asked, 'may not be empty'))
  const since = timeOf(errors, params, 'sinceTime')
  const until = timeOf(errors, params, 'untilTime')
  const boot = numberOf(errors, params, 'boot')
  const lines = numberOf(errors, params, 'tailLines')
  const pattern = params.get('pattern') || undefined
  refuse(400, errors)
  const query: NodeLogQuery = {
    services,
    files,
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(lines === undefined ? {} : { lines }),
    ...(boot === undefined ? {} : { boot }),
    ...(pattern === undefined ? {} : { pattern }),
  }
  return asked.length === 0 && !hasOptions(query) ? undefined : query
}

/**
 * Throws HttpError 406 where the question makes no sense. Patterns are left to the journal.
 *
 * @param path what stands behind `/logs/`.
 * @param problem why there is no such file below the directory of logs.
 */
export async function checkNodeLogQuery(
  query: NodeLogQuery,
  path: string,
  problem: (file: string) => Promise<string | undefined>,
): Promise<void> {
  if (path !== '') throw new HttpError(406, 'path not allowed in query mode\n')
  const { services, since, until, boot, lines } = query
  const errors = services.flatMap(serviceErrors)
  if (services.length > MOST_SERVICES) errors.push(tooMany('query', services.length, MOST_SERVICES))
  errors.push(...(await fileErrors(query, problem)))
  if (since !== undefined && until !== undefined && since > until) {
    const body = `Invalid value: ${goTime(until)}: must be after \`sinceTime\``
    errors.push({ type: 'FieldValueInvalid', field: 'untilTime', body })
  }
  if (boot !== undefined && boot > 0) errors.push(invalid('boot', boot, 'must be less than 1'))
  if (lines !== undefined && (lines < 0 || lines > MOST_LINES)) {
    errors.push(invalid('tailLines', lines, `must be between 0 and ${MOST_LINES}, inclusive`))
  }
  refuse(406, errors)
}

async function fileErrors(
  query: NodeLogQuery,
  problem: (file: string) => Promise<string | undefined>,
): Promise<FieldError[]> {
  const { services, files } = query
  const [file] = files
  if (file === undefined) return services.length === 0 ? [required('query', 'cannot be empty with options')] : []
  if (services.length > 0) {
    const text = `[${files.join(' ')}], [${services.join(' ')}]`
    return [invalid('query', text, 'cannot specify a file and service')]
  }
  if (files.length > 1) return [invalid('query', files, 'cannot specify more than one file')]
  if (hasOptions(query)) return [invalid('query', files, 'cannot specify file with options')]
  const why = await problem(file)
  return why === undefined ? [] : [invalid('query', files, `statat ${file}: ${why}`)]
}

function serviceErrors(service: string): FieldError[] {
  if (Buffer.byteLength(service) > LONGEST_SERVICE) {
    return [invalid('query', service, `length must be less than ${LONGEST_SERVICE}`)]
  }
  return UNSAFE.test(service) ? [invalid('query', service, 'input contains unsupported characters')] : []
}

function timeOf(errors: FieldError[], params: URLSearchParams, name: string): number | undefined {
  const text = params.get(name)
  if (!text) return undefined
  const time = parseTime(text)
  if (time === undefined) errors.push(invalid(name, text, 'invalid time format'))
  return time
}

function numberOf(errors: FieldError[], params: URLSearchParams, name: string): number | undefined {
  const text = params.get(name)
  if (!text) return undefined
  const number = /^[+-]?[0-9]+$/.test(text) ? Number(text) : undefined
  if (number !== undefined && Number.isSafeInteger(number)) return number
  const why = number === undefined ? 'invalid syntax' : 'value out of range'
  errors.push(invalid(name, text, `strconv.Atoi: parsing ${JSON.stringify(text)}: ${why}`))
  return undefined
}

function refuse(status: number, errors: readonly FieldError[]): void {
  if (errors.length === 0) return
  throw new HttpError(status, `${aggregateText(errors.map(fieldErrorText))}\n`)
}

/** A time in UTC as Go prints it. */
const goTime = (time: number): string =>
  `${new Date(time)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.?0*Z$/, '')} +0000 UTC`

/** A time as the journal takes it. */
const journalTime = (time: number): string => new Date(time).toISOString().slice(0, 19).replace('T', ' ')

/** How the journal is asked for services. */
export function journalArguments(query: NodeLogQuery, services: readonly string[]): string[] {
  const { since, until, lines, boot, pattern } = query
  return [
    '--utc',
    '--no-pager',
    '--output=short-precise',
    ...(since === undefined ? [] : [`--since=${journalTime(since)}`]),
    ...(until === undefined ? [] : [`--until=${journalTime(until)}`]),
    ...(lines === undefined ? [] : ['--pager-end', `--lines=${lines}`]),
    ...services.map(each => `--unit=${each}`),
    ...(pattern === undefined ? [] : [`--grep=${pattern}`]),
    ...(boot === undefined ? [] : ['--boot', String(boot)]),
  ]
}
