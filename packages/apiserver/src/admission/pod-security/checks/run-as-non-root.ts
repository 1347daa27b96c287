import { type Check, culprits, except, hasUserNamespace, named, namesWhere, type Rule } from '../check.ts'

/** Every container must say, or have its pod say, that it does not run as root. */
const rule: Rule = spec => {
  const ofPod = spec.securityContext?.runAsNonRoot
  const refusing = namesWhere(spec, container => container.securityContext?.runAsNonRoot === false)
  const reason = 'runAsNonRoot != true'
  if (ofPod === false || refusing.length > 0) {
    return { reason, detail: `${culprits(ofPod === false, refusing)} must not set securityContext.runAsNonRoot=false` }
  }
  if (ofPod === true) return undefined
  const silent = namesWhere(spec, container => container.securityContext?.runAsNonRoot === undefined)
  if (silent.length === 0) return undefined
  return { reason, detail: `pod or ${named('container', silent)} must set securityContext.runAsNonRoot=true` }
}

export const runAsNonRoot: Check = {
  id: 'runAsNonRoot',
  level: 'restricted',
  versions: [
    { since: 0, rule },
    { since: 35, rule: except(hasUserNamespace, rule) },
  ],
}
