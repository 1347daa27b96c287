interface Status {
  ingress?: readonly { ip?: string; hostname?: string }[]
}

/** The addresses that a load balancer gave, sorted, without repetition. */
export function loadBalancerAddresses(status: Status | undefined): string {
  const found = (status?.ingress ?? []).map(each => each.ip || each.hostname || '').filter(each => each !== '')
  return [...new Set(found)].sort().join(',')
}
