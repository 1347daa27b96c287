/**
 * AuthorizationConfiguration of apiserver.config.k8s.io/v1: which authorizers are asked, in which order
 * (k8s.io/apiserver pkg/apis/apiserver).
 */
import {
  checkDns1123Subdomain,
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  parseDuration,
  required,
  tooMany,
} from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { type CompileExpression, compileExpression } from '../configuration/expressions.ts'
import { type FieldTree, readConfiguration, throwFieldErrors } from '../configuration/read.ts'
import type { AuthorizationMode } from './modes.ts'

export interface AuthorizationConfiguration {
  readonly authorizers: readonly AuthorizerConfiguration[]
}

export interface AuthorizerConfiguration {
  readonly type: AuthorizationMode
  readonly name: string
  /** Where `type` is `Webhook`. */
  readonly webhook?: WebhookConfiguration
}

export interface WebhookConfiguration {
  /** Durations as Go writes them: `30s`, `5m`. */
  readonly authorizedTTL: string
  readonly unauthorizedTTL: string
  /** Whether answers are kept at all; true where missing. */
  readonly cacheAuthorizedRequests?: boolean
  readonly cacheUnauthorizedRequests?: boolean
  readonly timeout: string
  readonly subjectAccessReviewVersion: 'v1' | 'v1beta1'
  readonly matchConditionSubjectAccessReviewVersion?: 'v1'
  readonly failurePolicy: 'NoOpinion' | 'Deny'
  readonly connectionInfo: { readonly type: string; readonly kubeConfigFile?: string }
  readonly matchConditions?: readonly { readonly expression: string }[]
}

const FIELDS = {
  authorizers: [
    {
      type: true,
      name: true,
      webhook: {
        authorizedTTL: true,
        cacheAuthorizedRequests: true,
        unauthorizedTTL: true,
        cacheUnauthorizedRequests: true,
        timeout: true,
        subjectAccessReviewVersion: true,
        matchConditionSubjectAccessReviewVersion: true,
        failurePolicy: true,
        connectionInfo: { type: true, kubeConfigFile: true },
        matchConditions: [{ expression: true }],
      },
    },
  ],
} as const satisfies FieldTree

/** What webhooks have where the file does not say. */
const DEFAULTS = { authorizedTTL: '5m', unauthorizedTTL: '30s' }

/** Reads and checks a configuration file. Throws with all that is wrong. */
export function readAuthorizationConfiguration(
  text: string,
  compile: CompileExpression = compileExpression,
): AuthorizationConfiguration {
  const object = readConfiguration(text, 'AuthorizationConfiguration', ['v1', 'v1beta1', 'v1alpha1'], FIELDS)
  const { authorizers = [] } = object as unknown as Partial<AuthorizationConfiguration>
  const configuration = {
    authorizers: authorizers.map(each =>
      each.webhook === undefined ? each : { ...each, webhook: { ...DEFAULTS, ...each.webhook } },
    ),
  }
  throwFieldErrors(validateAuthorization(configuration, compile))
  return configuration
}

const KNOWN_TYPES = ['ABAC', 'AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook']

export function validateAuthorization(
  { authorizers }: AuthorizationConfiguration,
  compile: CompileExpression = compileExpression,
): FieldError[] {
  if (authorizers.length === 0) return [required('authorizers', 'at least one authorization mode must be defined')]
  const errors: FieldError[] = []
  const types = new Set<string>()
  const names = new Set<string>()
  for (const [index, { type, name, webhook }] of authorizers.entries()) {
    const path = `authorizers[${index}]`
    if (!type) errors.push(required(`${path}.type`))
    else if (!KNOWN_TYPES.includes(type)) errors.push(notSupported(`${path}.type`, type, KNOWN_TYPES))
    else if (types.has(type) && type !== 'Webhook') errors.push(duplicate(`${path}.type`, type))
    else {
      types.add(type)
      errors.push(...validateName(name, names, `${path}.name`))
      names.add(name)
      if (type !== 'Webhook') {
        const text = 'may only be specified when type=Webhook'
        if (webhook !== undefined) errors.push(invalid(`${path}.webhook`, 'non-null', text))
      } else if (webhook === undefined) errors.push(required(`${path}.webhook`, 'required when type=Webhook'))
      else errors.push(...validateWebhook(webhook, path, compile))
    }
  }
  return errors
}

function validateName(name: string, seen: ReadonlySet<string>, path: string): FieldError[] {
  if (!name) return [required(path)]
  if (seen.has(name)) return [duplicate(path, name)]
  const wrong = checkDns1123Subdomain(name)
  return wrong.length === 0 ? [] : [invalid(path, name, `authorizer name is invalid: ${wrong.join(', ')}`)]
}

function validateWebhook(webhook: WebhookConfiguration, path: string, compile: CompileExpression): FieldError[] {
  const { subjectAccessReviewVersion: version, failurePolicy, connectionInfo, matchConditions = [] } = webhook
  const matchVersion = webhook.matchConditionSubjectAccessReviewVersion
  const errors = validateTimes(webhook, path)
  const oneOf = (field: string, value: string | undefined, known: string[]): void => {
    if (!value) errors.push(required(`${path}.${field}`))
    else if (!known.includes(value)) errors.push(notSupported(`${path}.${field}`, value, known))
  }
  oneOf('subjectAccessReviewVersion', version, ['v1', 'v1beta1'])
  if (matchVersion) oneOf('matchConditionSubjectAccessReviewVersion', matchVersion, ['v1'])
  else if (matchConditions.length > 0) {
    const text = 'required if match conditions are specified'
    errors.push(required(`${path}.matchConditionSubjectAccessReviewVersion`, text))
  }
  oneOf('failurePolicy', failurePolicy, ['NoOpinion', 'Deny'])
  return [...errors, ...validateConnection(connectionInfo, path), ...validateConditions(matchConditions, path, compile)]
}

function validateTimes(webhook: WebhookConfiguration, path: string): FieldError[] {
  const errors: FieldError[] = []
  for (const field of ['timeout', 'authorizedTTL', 'unauthorizedTTL'] as const) {
    const own = `${path}.${field}`
    const text = webhook[field]
    if (!text) {
      errors.push(required(own))
      continue
    }
    const time = parseDuration(text)
    if (time === undefined) errors.push(invalid(own, text, `time: invalid duration ${JSON.stringify(text)}`))
    else if (time === 0) errors.push(required(own))
    else if (field === 'timeout' && (time < 0 || time > 30_000)) {
      errors.push(invalid(own, text, 'must be > 0s and <= 30s'))
    } else if (time < 0) errors.push(invalid(own, text, 'must be > 0s'))
  }
  return errors
}

function validateConnection(info: WebhookConfiguration['connectionInfo'] | undefined, path: string): FieldError[] {
  const { type, kubeConfigFile } = info ?? { type: '' }
  const file = `${path}.connectionInfo.kubeConfigFile`
  const types = ['InClusterConfig', 'KubeConfigFile']
  if (!type) return [required(`${path}.connectionInfo.type`)]
  if (!types.includes(type)) return [notSupported(`${path}.connectionInfo.type`, type, types)]
  if (type === 'InClusterConfig') {
    if (kubeConfigFile === undefined) return []
    return [invalid(file, kubeConfigFile, 'can only be set when type=KubeConfigFile')]
  }
  if (!kubeConfigFile) return [required(file)]
  return kubeConfigFile.startsWith('/') ? [] : [invalid(file, kubeConfigFile, 'must be an absolute path')]
}

const MOST_CONDITIONS = 64

function validateConditions(
  conditions: NonNullable<WebhookConfiguration['matchConditions']>,
  path: string,
  compile: CompileExpression,
): FieldError[] {
  if (conditions.length > MOST_CONDITIONS) {
    return [tooMany(`${path}.matchConditions`, conditions.length, MOST_CONDITIONS)]
  }
  return conditions.flatMap(({ expression = '' }, index) => {
    const own = `${path}.matchConditions[${index}].expression`
    if (expression.trim() === '') return [required(own)]
    if (conditions.findIndex(each => each.expression === expression) < index) return [duplicate(own, expression)]
    try {
      compile(expression, 'request', 'bool')
      return []
    } catch (error) {
      return [invalid(own, expression, messageOf(error))]
    }
  })
}
