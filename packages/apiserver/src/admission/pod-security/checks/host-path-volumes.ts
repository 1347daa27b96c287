import { type Check, named, type Rule } from '../check.ts'

const rule: Rule = spec => {
  const bad = (spec.volumes ?? []).filter(volume => volume.hostPath !== undefined).map(volume => volume.name)
  return bad.length === 0 ? undefined : { reason: 'hostPath volumes', detail: named('volume', bad) }
}

export const hostPathVolumes: Check = {
  id: 'hostPathVolumes',
  level: 'baseline',
  versions: [{ since: 0, rule }],
}
