import { type Check, culprits, except, hasUserNamespace, namesWhere, type Rule } from '../check.ts'

const isRoot = (context: { readonly runAsUser?: number | bigint } | undefined): boolean =>
  context?.runAsUser !== undefined && Number(context.runAsUser) === 0

const rule: Rule = spec => {
  const who = culprits(
    isRoot(spec.securityContext),
    namesWhere(spec, container => isRoot(container.securityContext)),
  )
  return who === '' ? undefined : { reason: 'runAsUser=0', detail: `${who} must not set runAsUser=0` }
}

export const runAsUser: Check = {
  id: 'runAsUser',
  level: 'restricted',
  versions: [
    { since: 23, rule },
    { since: 35, rule: except(hasUserNamespace, rule) },
  ],
}
