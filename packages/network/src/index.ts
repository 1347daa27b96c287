// nftables rulesets as values, CNI, IPAM, routes and network namespaces
export {}
