/** Query options of every verb, checked (k8s.io/apimachinery/pkg/apis/meta/v1/validation and internalversion/validation). */
import {
  badRequestError,
  type DeleteOptions,
  type FieldError,
  fieldErrorText,
  forbidden,
  goQuote,
  invalid,
  invalidError,
  notSupported,
  plainError,
  validateFieldManager,
} from '@canopus/apimachinery'
import { checkSelectors } from '../registry/selection.ts'
import { isTrue } from './request-info.ts'

export interface WriteOptions {
  readonly dryRun: boolean
  readonly fieldManager: string
  readonly fieldValidation: 'Ignore' | 'Warn' | 'Strict'
  readonly force: boolean | undefined
}

const NO_OPTIONS: WriteOptions = { dryRun: false, fieldManager: '', fieldValidation: 'Warn', force: undefined }

/** `kind` names the options in errors: `CreateOptions`, `UpdateOptions`, `PatchOptions`. */
export function writeOptions(query: URLSearchParams, kind: string): WriteOptions {
  if (query.size === 0) return NO_OPTIONS
  const dryRun = query.getAll('dryRun')
  const fieldManager = query.get('fieldManager') ?? ''
  const fieldValidation = query.get('fieldValidation') ?? ''
  const errors = [...dryRunErrors(dryRun), ...validateFieldManager(fieldManager)]
  if (!['', 'Ignore', 'Warn', 'Strict'].includes(fieldValidation)) {
    errors.push(notSupported('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn']))
  }
  const force = query.get('force')
  throwInvalid(kind, errors)
  return {
    dryRun: dryRun.length > 0,
    fieldManager,
    fieldValidation: (fieldValidation || 'Warn') as WriteOptions['fieldValidation'],
    force: force === null ? undefined : isTrue(force),
  }
}

/** Throws StatusError 400 where a GET asks for an object without what the server has set, which is no longer to be had. */
export function refuseExport(query: URLSearchParams): void {
  if (query.size > 0 && isTrue(query.get('export')))
    throw badRequestError('the export parameter, deprecated since v1.14, is no longer supported')
}

function dryRunErrors(values: readonly string[]): FieldError[] {
  return values.every(each => each === 'All') ? [] : [notSupported('dryRun', values, ['All'])]
}

function throwInvalid(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidError({ group: 'meta.k8s.io', resource: kind, name: '' }, errors)
}

/** Options of a delete: the body's where there is one, else the query's. */
export function deleteOptions(query: URLSearchParams, body: DeleteOptions | undefined): DeleteOptions {
  const options = body ?? deleteOptionsOfQuery(query)
  const errors: FieldError[] = []
  if (options.orphanDependents !== undefined && options.propagationPolicy !== undefined) {
    errors.push(
      invalid(
        'propagationPolicy',
        options.propagationPolicy,
        'orphanDependents and deletionPropagation cannot be both set',
      ),
    )
  }
  const policies = ['Foreground', 'Background', 'Orphan']
  if (options.propagationPolicy !== undefined && !policies.includes(options.propagationPolicy)) {
    errors.push(notSupported('propagationPolicy', options.propagationPolicy, [...policies, 'nil']))
  }
  errors.push(...dryRunErrors(options.dryRun ?? []))
  throwInvalid('DeleteOptions', errors)
  return options
}

function deleteOptionsOfQuery(query: URLSearchParams): DeleteOptions {
  const grace = query.get('gracePeriodSeconds')
  const orphan = query.get('orphanDependents')
  const policy = query.get('propagationPolicy')
  const dryRun = query.getAll('dryRun')
  return {
    ...(grace === null ? {} : { gracePeriodSeconds: integer(grace) }),
    ...(orphan === null ? {} : { orphanDependents: isTrue(orphan) }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    ...(dryRun.length === 0 ? {} : { dryRun }),
  }
}

export interface ListQuery {
  readonly labelSelector: string
  readonly fieldSelector: string
  readonly limit: number
  readonly continue: string
  readonly resourceVersion: string
  readonly resourceVersionMatch: string
  readonly timeoutSeconds: number | undefined
  readonly allowWatchBookmarks: boolean
  readonly sendInitialEvents: boolean | undefined
}

/** `watchLists`: whether watches may begin with the state (feature WatchList). Throws StatusError 400 or 422. */
export function listQuery(query: URLSearchParams, watch: boolean, watchLists = true): ListQuery {
  const initial = query.get('sendInitialEvents')
  const timeout = query.get('timeoutSeconds')
  const given: ListQuery = {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    timeoutSeconds: timeout === null ? undefined : integer(timeout),
    limit: integer(query.get('limit') ?? '0'),
    continue: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: initial === null ? undefined : isTrue(initial),
  }
  const options = watch && watchLists ? withInitialEvents(given) : given
  const errors = watch ? watchErrors(options, watchLists) : listErrors(options)
  // Selectors that nobody can read are told of first.
  if (errors.length > 0) checkSelectors(options.labelSelector, options.fieldSelector)
  throwInvalid('ListOptions', errors)
  return options
}

/**
 * A watch from no revision begins with the state, as one that asks for it: also with a bookmark at its end, where bookmarks are allowed
 * (apimachinery pkg/apis/meta/internalversion/defaults.go).
 */
function withInitialEvents(given: ListQuery): ListQuery {
  const { resourceVersion, resourceVersionMatch, sendInitialEvents } = given
  const isOld = resourceVersion === '' || resourceVersion === '0'
  if (!isOld || sendInitialEvents !== undefined || resourceVersionMatch !== '') return given
  return { ...given, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
}

/** As upstream's validateWatchOptions (apimachinery pkg/apis/meta/internalversion/validation). */
function watchErrors(options: ListQuery, watchLists: boolean): FieldError[] {
  const { sendInitialEvents, resourceVersionMatch: match } = options
  const errors: FieldError[] = []
  const refuseMatch = (why: string): unknown => errors.push(forbidden('resourceVersionMatch', why))
  if (sendInitialEvents !== undefined) {
    if (match !== 'NotOlderThan') refuseMatch('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
    if (!watchLists) {
      const why = 'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled'
      errors.push(forbidden('sendInitialEvents', why))
    }
  }
  if (match === '') return errors
  if (sendInitialEvents === undefined) {
    refuseMatch('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
  }
  if (match !== 'NotOlderThan') errors.push(notSupported('resourceVersionMatch', match, ['NotOlderThan']))
  if (options.continue !== '') refuseMatch(NOT_CONTINUED)
  return errors
}

const NOT_CONTINUED = 'resourceVersionMatch is forbidden when continue is provided'

function listErrors(options: ListQuery): FieldError[] {
  const errors = options.resourceVersionMatch === '' ? [] : matchErrors(options)
  if (options.sendInitialEvents !== undefined) {
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
  }
  return errors
}

function matchErrors(options: ListQuery): FieldError[] {
  const { resourceVersionMatch: match, resourceVersion } = options
  const errors: FieldError[] = []
  if (resourceVersion === '') {
    errors.push(
      forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
    )
  }
  if (options.continue !== '') {
    errors.push(forbidden('resourceVersionMatch', NOT_CONTINUED))
  }
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    errors.push(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']))
  }
  if (match === 'Exact' && resourceVersion === '0') {
    errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
  }
  return errors
}

/** A number of a query. Throws StatusError 400 with what Go's strconv says. */
export function integer(text: string): number {
  const isNumber = /^[+-]?\d+$/.test(text)
  if (isNumber && BigInt.asIntN(64, BigInt(text)) === BigInt(text)) return Number(text)
  const reason = isNumber ? 'value out of range' : 'invalid syntax'
  throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${reason}`)
}

/**
 * The revision that a resourceVersion means. Throws StatusError where it is no number: 500 for a GET and a watch, as upstream, 400
 * for a list.
 */
export function parseResourceVersion(text: string, list = false): number {
  const isNumber = /^\d+$/.test(text)
  if (isNumber && BigInt(text) < 2n ** 64n) return Number(text)
  const parsing = `strconv.ParseUint: parsing ${goQuote(text)}: ${isNumber ? 'value out of range' : 'invalid syntax'}`
  const message = fieldErrorText(invalid('resourceVersion', text, parsing))
  if (list) throw badRequestError(`invalid resource version: ${message}`)
  throw plainError(message)
}
