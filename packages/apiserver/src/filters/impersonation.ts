/**
 * Acting as somebody else (k8s.io/apiserver pkg/endpoints/filters/impersonation, KEP-5284). Five modes are tried, the narrow
 * ones first: of a constrained mode a user needs both `impersonate:<mode>` on whom they act as and
 * `impersonate-on:<mode>:<verb>` on what they ask for; the old verb `impersonate` alone allows everything.
 */
import { badRequestError, checkDns1123Subdomain, StatusError } from '@canopus/apimachinery'
import { LruCache } from '@canopus/base'
import { unescaped } from '../authn/request-header.ts'
import {
  ALL_AUTHENTICATED,
  ALL_UNAUTHENTICATED,
  ANONYMOUS,
  EXTRA,
  NODE_USER_PREFIX,
  NODES_GROUP,
  PRIVILEGED_GROUP,
  parseServiceAccountUser,
  serviceAccountGroups,
} from '../authn/user.ts'
import { type ApiRequest, header, headerValues } from '../http/message.ts'
import type { ImpersonationMetrics } from '../metrics/impersonation-metrics.ts'
import type { Attributes, Authorizer, User } from '../security.ts'
import { attributesOf, forbiddenAttributes, RefusedError } from './authorization.ts'
import type { RequestInfo } from './request-info.ts'

const PREFIX = 'impersonate-'
const EXTRA_PREFIX = 'impersonate-extra-'

export interface Acting {
  readonly user: User
  /** The verb that allowed it, where that was one of a constrained mode. */
  readonly constraint: string | undefined
}

/** Decides who acts. Keeps for each user which mode was the last to succeed, so that it is tried first. */
export class Impersonation {
  readonly #authorizer: Authorizer
  readonly #metrics: ImpersonationMetrics
  readonly #modes: readonly Mode[]
  readonly #lastMode = new LruCache<string, Mode>({ capacity: 1024 })

  /** `isConstrained`: the feature ConstrainedImpersonation; without it there is the old mode alone. */
  constructor(authorizer: Authorizer, metrics: ImpersonationMetrics, isConstrained = true) {
    this.#modes = isConstrained ? MODES : MODES.filter(({ name }) => name === '')
    this.#authorizer = authorizer
    this.#metrics = metrics
  }

  /** The identity to act under; `undefined` where nobody else is asked for. Throws StatusError 400, rejects with 403. */
  acting(request: ApiRequest, info: RequestInfo, user: User): Promise<Acting> | undefined {
    const wanted = wantedUser(request)
    return wanted === undefined ? undefined : this.#attempt(wanted, attributesOf(user, info))
  }

  async #attempt(wanted: User, attributes: Attributes): Promise<Acting> {
    const since = this.#metrics.now()
    try {
      const { user, mode } = await this.#check(wanted, attributes)
      this.#metrics.attempted(labelOf(mode), 'allowed', since)
      return { user, constraint: mode.name === '' ? undefined : verbOf(mode) }
    } catch (error) {
      this.#metrics.attempted('', 'denied', since)
      throw error
    }
  }

  async #check(wanted: User, attributes: Attributes): Promise<{ user: User; mode: Mode }> {
    const requestor = attributes.user.name
    const last = this.#lastMode.get(requestor)
    const modes = last === undefined ? this.#modes : [last, ...this.#modes.filter(each => each !== last)]
    let failure: unknown
    for (const mode of modes) {
      if (!mode.applies(wanted, attributes.user)) continue
      try {
        const user = await tryMode(this.#counted(mode), mode, wanted, attributes)
        if (mode !== last) this.#lastMode.set(requestor, mode)
        return { user, mode }
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
        failure ??= error
      }
    }
    throw failure
  }

  /** The authorizer, whose answers are counted as those of the mode. */
  #counted(mode: Mode): Authorizer {
    return {
      authorize: async attributes => {
        const since = this.#metrics.now()
        let outcome: 'allowed' | 'denied' = 'denied'
        try {
          const decision = await this.#authorizer.authorize(attributes)
          if (decision.decision === 'allow') outcome = 'allowed'
          return decision
        } finally {
          this.#metrics.asked(labelOf(mode), outcome, since)
        }
      },
    }
  }
}

/** Whom the headers ask for, as they stand; `undefined` where they ask for nobody. Throws StatusError 400. */
function wantedUser(request: ApiRequest): User | undefined {
  // Nearly nobody does, and going through an object of headers costs much more than through a list.
  if (request.hasHeaderLike?.(PREFIX) === false) return undefined
  const { headers } = request
  const name = header(headers, 'impersonate-user') ?? ''
  const extra: Record<string, string[]> = {}
  for (const key in headers) {
    if (!key.startsWith(EXTRA_PREFIX)) continue
    const own = unescaped(key.slice(EXTRA_PREFIX.length))
    extra[own] = [...(extra[own] ?? []), ...headerValues(request, key)]
  }
  const uid = header(headers, 'impersonate-uid')
  const wanted: User = {
    name,
    ...(uid === undefined || uid === '' ? {} : { uid }),
    groups: headerValues(request, 'impersonate-group'),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
  if (name !== '') return wanted
  if (isNameAlone(wanted)) return undefined
  throw new RefusedError(badRequestError(`requested ${goText(wanted)} without impersonating a user name`).status)
}

/** A user as Go's `%#v` shows it. */
function goText({ uid = '', groups, extra }: User): string {
  const list = (values: readonly string[]): string => `[]string{${values.map(each => JSON.stringify(each)).join(', ')}}`
  const entries = Object.entries(extra ?? {}).map(([key, values]) => `${JSON.stringify(key)}:${list(values)}`)
  const group = groups.length === 0 ? '[]string(nil)' : list(groups)
  const extras = entries.length === 0 ? '(nil)' : `{${entries.sort().join(', ')}}`
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${group}, Extra:map[string][]string${extras}}`
}

interface Mode {
  /** Empty for the old mode, which is not constrained. */
  readonly name: '' | 'associated-node' | 'arbitrary-node' | 'serviceaccount' | 'user-info'
  applies(wanted: User, requestor: User): boolean
}

const MODES: readonly Mode[] = [
  {
    // A service account whose token is bound to a node, or to a pod on it, as that node.
    name: 'associated-node',
    applies: (wanted, requestor) =>
      isNameAlone(wanted) &&
      parseServiceAccountUser(requestor.name) !== undefined &&
      nodeOf(wanted.name) !== undefined &&
      onlyValue(requestor, EXTRA.nodeName) === nodeOf(wanted.name),
  },
  { name: 'arbitrary-node', applies: wanted => isNameAlone(wanted) && nodeOf(wanted.name) !== undefined },
  {
    name: 'serviceaccount',
    applies: wanted => isNameAlone(wanted) && parseServiceAccountUser(wanted.name) !== undefined,
  },
  {
    name: 'user-info',
    applies: ({ name }) => nodeOf(name) === undefined && parseServiceAccountUser(name) === undefined,
  },
  { name: '', applies: () => true },
]

const verbOf = ({ name }: Mode): string => (name === '' ? 'impersonate' : `impersonate:${name}`)

/** As metrics name it. */
const labelOf = ({ name }: Mode): string => (name === '' ? 'legacy' : name)

const isNameAlone = ({ uid, groups, extra }: User): boolean =>
  uid === undefined && groups.length === 0 && extra === undefined

function nodeOf(user: string): string | undefined {
  if (!user.startsWith(NODE_USER_PREFIX)) return undefined
  const name = user.slice(NODE_USER_PREFIX.length)
  return checkDns1123Subdomain(name).length === 0 ? name : undefined
}

function onlyValue({ extra }: User, key: string): string | undefined {
  const values = extra?.[key]
  return values?.length === 1 ? values[0] : undefined
}

/** The acting user. Throws StatusError 403 where the mode does not allow it. */
async function tryMode(authorizer: Authorizer, mode: Mode, wanted: User, attributes: Attributes): Promise<User> {
  const constrained = mode.name !== ''
  const user = mode.name === 'associated-node' ? withoutExtra(attributes.user) : attributes.user
  const demand = async (asked: Attributes): Promise<void> => {
    const { decision, reason } = await authorizer.authorize(asked)
    if (decision !== 'allow') throw forbiddenAttributes(asked, reason)
  }
  if (constrained) await demand({ ...attributes, user, verb: `impersonate-on:${mode.name}:${attributes.verb}` })
  const ask = new Questions(user, verbOf(mode), constrained, demand)
  await demand(ask.name(mode, wanted))
  if (wanted.uid !== undefined) await demand(ask.about('uids', wanted.uid))
  await ask.groups(wanted.groups)
  await ask.extra(wanted.extra ?? {})
  return { ...wanted, groups: groupsOf(wanted, constrained) }
}

/** The bound node was compared above; what else the token says must not matter to the authorizer. */
function withoutExtra(user: User): User {
  const keys = Object.keys(user.extra ?? {}).sort()
  return { ...user, extra: { 'authentication.kubernetes.io/associated-node-keys': keys } }
}

/** Where so many checks would be made one by one, one with a wildcard comes first. */
const MANY = 4

class Questions {
  readonly #base: Attributes
  readonly #constrained: boolean
  readonly #demand: (asked: Attributes) => Promise<void>

  constructor(user: User, verb: string, constrained: boolean, demand: (asked: Attributes) => Promise<void>) {
    this.#constrained = constrained
    this.#demand = demand
    this.#base = {
      user,
      verb,
      isResourceRequest: true,
      path: '',
      apiGroup: 'authentication.k8s.io',
      apiVersion: 'v1',
      resource: '',
      subresource: '',
      namespace: '',
      name: '',
    }
  }

  about(resource: string, name: string, subresource = ''): Attributes {
    return { ...this.#base, resource, name, subresource }
  }

  /** Users and groups of the old mode are in the core group. */
  #core(resource: string, name: string): Attributes {
    const asked = this.about(resource, name)
    return this.#constrained ? asked : { ...asked, apiGroup: '' }
  }

  name(mode: Mode, { name }: User): Attributes {
    const account = parseServiceAccountUser(name)
    if (account !== undefined) return { ...this.#core('serviceaccounts', account.name), namespace: account.namespace }
    const node = this.#constrained ? nodeOf(name) : undefined
    if (node === undefined) return this.#core('users', name)
    return this.#core('nodes', mode.name === 'associated-node' ? '*' : node)
  }

  async groups(groups: readonly string[]): Promise<void> {
    const refuse = (name: string, why: string): never => {
      throw forbiddenAttributes(this.#core('groups', name), why)
    }
    if (this.#constrained) {
      if (groups.includes('')) refuse('', 'impersonating the empty string group is not allowed')
      if (groups.includes(PRIVILEGED_GROUP)) {
        refuse(PRIVILEGED_GROUP, 'impersonating the system:masters group is not allowed')
      }
      if (groups.length >= MANY && (await this.#allowed(this.#core('groups', '*')))) return
    }
    for (const group of groups) await this.#demand(this.#core('groups', group))
  }

  async extra(extra: Readonly<Record<string, readonly string[]>>): Promise<void> {
    const entries = Object.entries(extra)
    if (this.#constrained) {
      const wrong = entries.map(([key, values]) => checkExtra(key, values)).find(each => each !== undefined)
      if (wrong !== undefined) throw forbiddenAttributes(this.about('userextras', ''), wrong)
      const count = entries.reduce((sum, [, values]) => sum + values.length, 0)
      if (count >= MANY && (await this.#allowed(this.about('userextras', '*', '*')))) return
    }
    for (const [key, values] of entries) {
      for (const value of values) await this.#demand(this.about('userextras', value, key))
    }
  }

  async #allowed(asked: Attributes): Promise<boolean> {
    try {
      await this.#demand(asked)
      return true
    } catch (error) {
      if (error instanceof StatusError) return false
      throw error
    }
  }
}

function checkExtra(key: string, values: readonly string[]): string | undefined {
  if (key === '') return 'impersonating the empty string key in extra is not allowed'
  const [domain = '', ...rest] = key.split('/')
  if (rest.length === 0 || rest.join('/') === '' || checkDns1123Subdomain(domain).length > 0) {
    return `impersonating an invalid key in extra is not allowed: extra.key: Invalid value: ${JSON.stringify(key)}: must be a domain-prefixed path (such as "acme.io/foo")`
  }
  if (key !== key.toLowerCase()) {
    return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`
  }
  return values.includes('') ? 'impersonating the empty string value in extra is not allowed' : undefined
}

/** Groups that follow from the name need no permission of their own; those asked for by header do, whatever they are. */
function groupsOf({ name, groups }: User, constrained: boolean): string[] {
  const account = parseServiceAccountUser(name)
  const own =
    account !== undefined && groups.length === 0
      ? serviceAccountGroups(account.namespace)
      : constrained && nodeOf(name) !== undefined
        ? [NODES_GROUP]
        : [...groups]
  if (name === ANONYMOUS) return own.includes(ALL_UNAUTHENTICATED) ? own : [...own, ALL_UNAUTHENTICATED]
  return own.includes(ALL_UNAUTHENTICATED) || own.includes(ALL_AUTHENTICATED) ? own : [...own, ALL_AUTHENTICATED]
}
