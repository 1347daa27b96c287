// Plans rulesets from Services, EndpointSlices and NetworkPolicies
export {}
