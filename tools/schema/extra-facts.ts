/**
 * Messages of APIs whose Go sources the packages do not hold: apiregistration.k8s.io/v1. Numbers and markers as in
 * kube-aggregator's types; `packages/api/src/openapi` compares the shapes with upstream's published document.
 */
export const EXTRA_FACTS = `apiregistration.v1.APIService kind
 1 metadata am.apis.meta.v1.ObjectMeta o
 2 spec apiregistration.v1.APIServiceSpec o
 3 status apiregistration.v1.APIServiceStatus o
apiregistration.v1.APIServiceCondition
 1 type string r g=v1.APIServiceConditionType
 2 status string r g=v1.ConditionStatus
 3 lastTransitionTime am.apis.meta.v1.Time o
 4 reason string o
 5 message string o
apiregistration.v1.APIServiceList kind
 1 metadata am.apis.meta.v1.ListMeta o
 2 items [apiregistration.v1.APIService r
apiregistration.v1.APIServiceSpec
 1 service apiregistration.v1.ServiceReference po
 2 group string o
 3 version string o
 4 insecureSkipTLSVerify bool o
 5 caBundle bytes o l=atomic
 7 groupPriorityMinimum int32 r
 8 versionPriority int32 r
apiregistration.v1.APIServiceStatus
 1 conditions [apiregistration.v1.APIServiceCondition o l=map;k=type;s=merge;m=type
apiregistration.v1.ServiceReference
 1 namespace string o
 2 name string o
 3 port int32 po
`
