import type { Check, Rule } from '../check.ts'

const SINCE_0 = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
]
const SINCE_27 = [...SINCE_0, 'net.ipv4.ip_local_reserved_ports']
const SINCE_29 = [
  ...SINCE_27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
]
const SINCE_32 = [...SINCE_29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']

/** Only sysctls that belong to the pod's own namespaces, and that harm nobody else. */
function only(allowed: readonly string[]): Rule {
  return spec => {
    const bad = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter(name => !allowed.includes(name))
    return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') }
  }
}

export const sysctls: Check = {
  id: 'sysctls',
  level: 'baseline',
  versions: [
    { since: 0, rule: only(SINCE_0) },
    { since: 27, rule: only(SINCE_27) },
    { since: 29, rule: only(SINCE_29) },
    { since: 32, rule: only(SINCE_32) },
  ],
}
