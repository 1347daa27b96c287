import type { SELinuxOptions } from '@canopus/api/core/v1'
import { type Check, containersOf, culprits, named, namesWhere, type Rule, sorted } from '../check.ts'

/** SELinux types must be those of containers; user and role must be left alone. */
function onlyTypes(...types: string[]): Rule {
  const allowed = new Set(['', ...types])
  const isBad = (options: SELinuxOptions | undefined): boolean =>
    options !== undefined && (!allowed.has(options.type ?? '') || Boolean(options.user) || Boolean(options.role))
  return spec => {
    const ofPod = spec.securityContext?.seLinuxOptions
    const who = culprits(
      isBad(ofPod),
      namesWhere(spec, container => isBad(container.securityContext?.seLinuxOptions)),
    )
    if (who === '') return undefined
    const all = [ofPod, ...containersOf(spec).map(container => container.securityContext?.seLinuxOptions)]
    const bad = sorted(all.map(options => options?.type ?? '').filter(type => !allowed.has(type)))
    const what = bad.length > 0 ? [named('type', bad)] : []
    if (all.some(options => options?.user)) what.push('user may not be set')
    if (all.some(options => options?.role)) what.push('role may not be set')
    return {
      reason: 'seLinuxOptions',
      detail: `${who} set forbidden securityContext.seLinuxOptions: ${what.join('; ')}`,
    }
  }
}

const AT_FIRST = ['container_t', 'container_init_t', 'container_kvm_t']

export const seLinuxOptions: Check = {
  id: 'seLinuxOptions',
  level: 'baseline',
  versions: [
    { since: 0, rule: onlyTypes(...AT_FIRST) },
    { since: 31, rule: onlyTypes(...AT_FIRST, 'container_engine_t') },
  ],
}
