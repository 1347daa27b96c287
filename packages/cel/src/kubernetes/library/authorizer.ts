import {
  checkDns1123Label,
  checkDns1123Subdomain,
  type FieldSelector,
  parseFieldSelector,
  parseLabelSelector,
  type Selector,
} from '@canopus/apimachinery'
import { func, member } from '../../check/declarations.ts'
import type { Library } from '../../environment.ts'
import { typesByName } from '../../stdlib/index.ts'
import { boolType, type CelType, stringType, structType } from '../../types/type.ts'
import { CelError, Pending } from '../../values/error.ts'
import { OpaqueValue, type Value } from '../../values/value.ts'

export const authorizerType = structType('kubernetes.authorization.Authorizer')
const pathCheckType = structType('kubernetes.authorization.PathCheck')
const groupCheckType = structType('kubernetes.authorization.GroupCheck')
export const resourceCheckType = structType('kubernetes.authorization.ResourceCheck')
const decisionType = structType('kubernetes.authorization.Decision')

/** Who asks: the user of the request (undefined), or a service account. */
export type Subject = { readonly namespace: string; readonly name: string } | undefined

/** A question to the authorizer. */
export type AuthorizationQuestion =
  | { readonly subject: Subject; readonly kind: 'path'; readonly path: string; readonly verb: string }
  | ({ readonly subject: Subject; readonly kind: 'resource'; readonly verb: string } & ResourceTarget)

export interface ResourceTarget {
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** Selectors as they were written, and parsed; a selector that cannot be parsed has an error instead. */
  readonly fieldSelector?: ParsedSelector<FieldSelector>
  readonly labelSelector?: ParsedSelector<Selector>
}

export type ParsedSelector<T> = { readonly text: string } & ({ readonly selector: T } | { readonly error: unknown })

export interface AuthorizationDecision {
  readonly allowed: boolean
  readonly reason: string
  readonly error?: string
}

/** Answers at once, or later. Questions of one request are asked once each. */
export type AskAuthorizer = (
  question: AuthorizationQuestion,
) => AuthorizationDecision | PromiseLike<AuthorizationDecision>

/** Remembers answers, so that an evaluation that had to wait finds them when it starts again. */
class Answers {
  readonly #ask: AskAuthorizer
  readonly #known = new Map<string, AuthorizationDecision>()
  readonly #waiting = new Map<string, Promise<void>>()

  constructor(ask: AskAuthorizer) {
    this.#ask = ask
  }

  to(question: AuthorizationQuestion): AuthorizationDecision {
    const key = JSON.stringify(question)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    let waiting = this.#waiting.get(key)
    if (waiting === undefined) {
      const answer = this.#ask(question)
      if ('allowed' in answer) {
        this.#known.set(key, answer)
        return answer
      }
      waiting = Promise.resolve(answer).then(decision => {
        this.#known.set(key, decision)
      })
      this.#waiting.set(key, waiting)
    }
    throw new Pending(waiting)
  }
}

abstract class Receiver extends OpaqueValue {
  equals(other: Value): boolean {
    return this === other
  }
}

class AuthorizerValue extends Receiver {
  readonly type = authorizerType
  readonly answers: Answers
  readonly subject: Subject

  constructor(answers: Answers, subject: Subject) {
    super()
    this.answers = answers
    this.subject = subject
  }
}

class PathCheck extends Receiver {
  readonly type = pathCheckType
  readonly authorizer: AuthorizerValue
  readonly path: string

  constructor(authorizer: AuthorizerValue, path: string) {
    super()
    this.authorizer = authorizer
    this.path = path
  }
}

class GroupCheck extends Receiver {
  readonly type = groupCheckType
  readonly authorizer: AuthorizerValue
  readonly group: string

  constructor(authorizer: AuthorizerValue, group: string) {
    super()
    this.authorizer = authorizer
    this.group = group
  }
}

class ResourceCheck extends Receiver {
  readonly type = resourceCheckType
  readonly authorizer: AuthorizerValue
  readonly target: ResourceTarget

  constructor(authorizer: AuthorizerValue, target: ResourceTarget) {
    super()
    this.authorizer = authorizer
    this.target = target
  }

  with(change: Partial<ResourceTarget>): ResourceCheck {
    return new ResourceCheck(this.authorizer, { ...this.target, ...change })
  }
}

class Decision extends Receiver {
  readonly type: CelType = decisionType
  readonly decision: AuthorizationDecision

  constructor(decision: AuthorizationDecision) {
    super()
    this.decision = decision
  }
}

/** The variable `authorizer` of one request. Programs that use it are run with `evaluateAsync` unless `ask` answers at once. */
export const authorizerValue = (ask: AskAuthorizer): Value => new AuthorizerValue(new Answers(ask), undefined)

/** The variable `authorizer.requestResource`, on the answers of the same request's `authorizer`. */
export function requestResourceValue(
  authorizer: Value,
  target: Omit<ResourceTarget, 'fieldSelector' | 'labelSelector'>,
): Value {
  if (!(authorizer instanceof AuthorizerValue)) throw new Error('not made by authorizerValue')
  return new ResourceCheck(authorizer, target)
}

function parsed<T>(text: string, parse: (text: string) => T): ParsedSelector<T> | undefined {
  if (text === '') return undefined
  try {
    return { text, selector: parse(text) }
  } catch (error) {
    return { text, error }
  }
}

function notBlank(name: string, text: string): string {
  if (text.trim() === '') throw new CelError(`${name} must not be empty`)
  return text
}

function serviceAccount(authorizer: AuthorizerValue, namespace: string, name: string): AuthorizerValue {
  if (checkDns1123Subdomain(name).length > 0) throw new CelError('Invalid service account name')
  if (checkDns1123Label(namespace).length > 0) throw new CelError('Invalid service account namespace')
  return new AuthorizerValue(authorizer.answers, { namespace, name })
}

function startResource({ authorizer, group }: GroupCheck, resource: string): ResourceCheck {
  const target = { group, resource: notBlank('resource', resource), subresource: '', namespace: '', name: '' }
  return new ResourceCheck(authorizer, target)
}

const check = ({ authorizer, target }: ResourceCheck, verb: string): Decision =>
  new Decision(authorizer.answers.to({ subject: authorizer.subject, kind: 'resource', verb, ...target }))
const checkPath = ({ authorizer, path }: PathCheck, verb: string): Decision =>
  new Decision(authorizer.answers.to({ subject: authorizer.subject, kind: 'path', path, verb }))

function withSelector(check: ResourceCheck, text: string, field: 'fieldSelector' | 'labelSelector'): ResourceCheck {
  const selector = field === 'fieldSelector' ? parsed(text, parseFieldSelector) : parsed(text, parseLabelSelector)
  return selector === undefined ? check : check.with({ [field]: selector })
}

const s = stringType
const r = resourceCheckType
const change = (name: string, id: string, apply: (check: ResourceCheck, text: string) => ResourceCheck) =>
  func(name, member(id, [r, s], r, apply))

/** `authorizer.group('').resource('pods').check('get').allowed()`. Behaviour: apiserver pkg/cel/library/authz.go. */
export const authorizerLibrary: Library = {
  types: typesByName([authorizerType, pathCheckType, groupCheckType, resourceCheckType, decisionType]),
  functions: [
    func(
      'path',
      member(
        'authorizer_path',
        [authorizerType, s],
        pathCheckType,
        (authorizer: AuthorizerValue, path: string) => new PathCheck(authorizer, notBlank('path', path)),
      ),
    ),
    func(
      'group',
      member(
        'authorizer_group',
        [authorizerType, s],
        groupCheckType,
        (authorizer: AuthorizerValue, group: string) => new GroupCheck(authorizer, group),
      ),
    ),
    func('serviceAccount', member('authorizer_serviceaccount', [authorizerType, s, s], authorizerType, serviceAccount)),
    func('resource', member('groupcheck_resource', [groupCheckType, s], r, startResource)),
    change('subresource', 'resourcecheck_subresource', (check, subresource) => check.with({ subresource })),
    change('namespace', 'resourcecheck_namespace', (check, namespace) => check.with({ namespace })),
    change('name', 'resourcecheck_name', (check, name) => check.with({ name })),
    change('fieldSelector', 'authorizer_fieldselector', (check, text) => withSelector(check, text, 'fieldSelector')),
    change('labelSelector', 'authorizer_labelselector', (check, text) => withSelector(check, text, 'labelSelector')),
    func(
      'check',
      member('pathcheck_check', [pathCheckType, s], decisionType, checkPath),
      member('resourcecheck_check', [r, s], decisionType, check),
    ),
    func(
      'errored',
      member('decision_errored', [decisionType], boolType, ({ decision }: Decision) => decision.error !== undefined),
    ),
    func(
      'error',
      member('decision_error', [decisionType], s, ({ decision }: Decision) => decision.error ?? ''),
    ),
    func(
      'allowed',
      member('decision_allowed', [decisionType], boolType, ({ decision }: Decision) => decision.allowed),
    ),
    func(
      'reason',
      member('decision_reason', [decisionType], s, ({ decision }: Decision) => decision.reason),
    ),
  ],
}
