import { PRIVILEGED_GROUP } from '../authn/user.ts'
import type { Attributes, Authorizer, Decision, SubjectRules, User } from '../security.ts'

/** What `--authorization-mode` takes. */
export const AUTHORIZATION_MODES = ['Node', 'RBAC', 'Webhook', 'ABAC', 'AlwaysAllow', 'AlwaysDeny'] as const
export type AuthorizationMode = (typeof AUTHORIZATION_MODES)[number]

const ALLOW_ALL: SubjectRules = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  incomplete: false,
}

export const alwaysAllow: Authorizer = {
  authorize: () => ({ decision: 'allow', reason: '' }),
  rulesFor: () => ALLOW_ALL,
}

export const alwaysDeny: Authorizer = {
  authorize: () => ({ decision: 'no-opinion', reason: 'Everything is forbidden.' }),
  rulesFor: () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
}

/** Members of `system:masters` may do everything, whatever the modes: the way out when roles are broken. */
export const privilegedGroup: Authorizer = {
  authorize: ({ user }) =>
    user.groups.includes(PRIVILEGED_GROUP) ? { decision: 'allow', reason: '' } : { decision: 'no-opinion', reason: '' },
}

/** Asks each in turn until one allows or denies; the reasons of those without an opinion are joined. */
export function unionAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  async function later(attributes: Attributes, from: number, first: Promise<Decision>, reasons: string[]) {
    let decision = await first
    for (let index = from; ; ) {
      if (decision.decision !== 'no-opinion') return decision
      if (decision.reason !== '') reasons.push(decision.reason)
      index++
      if (index >= authorizers.length) return { decision: 'no-opinion' as const, reason: reasons.join('\n') }
      decision = await authorizers[index]!.authorize(attributes)
    }
  }
  return {
    authorize(attributes) {
      const reasons: string[] = []
      for (let index = 0; index < authorizers.length; index++) {
        const decision = authorizers[index]!.authorize(attributes)
        if (decision instanceof Promise) return later(attributes, index, decision, reasons)
        if (decision.decision !== 'no-opinion') return decision
        if (decision.reason !== '') reasons.push(decision.reason)
      }
      return { decision: 'no-opinion', reason: reasons.join('\n') }
    },
    async rulesFor(user: User, namespace: string): Promise<SubjectRules> {
      const all: SubjectRules = { resourceRules: [], nonResourceRules: [], incomplete: false }
      const errors: string[] = []
      for (const authorizer of authorizers) {
        if (authorizer.rulesFor === undefined) continue
        const rules = await authorizer.rulesFor(user, namespace)
        all.resourceRules.push(...rules.resourceRules)
        all.nonResourceRules.push(...rules.nonResourceRules)
        all.incomplete ||= rules.incomplete
        if (rules.evaluationError) errors.push(rules.evaluationError)
      }
      return errors.length > 0 ? { ...all, evaluationError: errors.join(', ') } : all
    },
  }
}
