/** Which of its own labels a node may set: those that say what it is, none that steer pods to it by policy (KEP-279). */

const OWN = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
])
const OWN_DOMAINS = ['kubelet.kubernetes.io', 'node.kubernetes.io']
const RESTRICTED = 'node-restriction.kubernetes.io'

type Labels = Readonly<Record<string, string>>

/** Labels that differ between the two and that a node may not touch, sorted. */
export function forbiddenLabels(labels: Labels = {}, old: Labels = {}): string[] {
  const keys = new Set([...Object.keys(labels), ...Object.keys(old)])
  return [...keys].filter(key => labels[key] !== old[key] && isForbidden(key)).sort()
}

function isForbidden(key: string): boolean {
  const slash = key.indexOf('/')
  const domain = slash < 0 ? '' : key.slice(0, slash)
  if (within(domain, RESTRICTED)) return true
  const isKubernetes = within(domain, 'kubernetes.io') || within(domain, 'k8s.io')
  return isKubernetes && !OWN.has(key) && !OWN_DOMAINS.some(own => within(domain, own))
}

const within = (domain: string, parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`)
