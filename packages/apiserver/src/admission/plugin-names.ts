/** The names of `--enable-admission-plugins` and `--disable-admission-plugins` (pkg/kubeapiserver/options/plugins.go). */

const ON_BY_DEFAULT = namesOf(
  `
  NamespaceLifecycle LimitRanger ServiceAccount NodeRestriction TaintNodesByCondition PodSecurity Priority
  DefaultTolerationSeconds DefaultStorageClass StorageObjectInUseProtection PersistentVolumeClaimResize RuntimeClass
  CertificateApproval CertificateSigning CertificateSubjectRestriction DefaultIngressClass PodTopologyLabels
  NodeDeclaredFeatureValidator PodResizeValidator MutatingAdmissionPolicy MutatingAdmissionWebhook
  ValidatingAdmissionPolicy ValidatingAdmissionWebhook ResourceQuota
  `,
)

/** Plugins that run only where they are asked for. */
export const OFF_BY_DEFAULT = namesOf(
  `
  NamespaceAutoProvision NamespaceExists LimitPodHardAntiAffinityTopology AlwaysPullImages PodNodeSelector
  PodTolerationRestriction EventRateLimit ExtendedResourceToleration OwnerReferencesPermissionEnforcement
  DenyServiceExternalIPs ImagePolicyWebhook AlwaysDeny
  `,
)

/** The features without which plugins do nothing, where these can be turned off. */
export const FEATURES: Readonly<Record<string, string>> = {
  NodeDeclaredFeatureValidator: 'NodeDeclaredFeatures',
  PodTopologyLabels: 'PodTopologyLabelsAdmission',
}

/** On in upstream without anything to do while the features are off that they are for. */
const IDLE = new Set([
  'PodGroupProtection',
  'PodGroupWorkloadExists',
  'JobValidation',
  'ClusterTrustBundleAttest',
  'AlwaysAdmit',
])

const isKnown = (name: string): boolean => ON_BY_DEFAULT.has(name) || OFF_BY_DEFAULT.has(name) || IDLE.has(name)

function namesOf(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/))
}

/** Whether a plugin runs by these flags. */
export function isPluginOn(name: string, enabled: readonly string[] = [], disabled: readonly string[] = []): boolean {
  return !disabled.includes(name) && (!OFF_BY_DEFAULT.has(name) || enabled.includes(name))
}

/** Throws TypeError where a plugin is unknown, or to be on and off. */
export function checkPluginNames(enabled: readonly string[], disabled: readonly string[]): void {
  for (const [flag, names] of [
    ['enable', enabled],
    ['disable', disabled],
  ] as const) {
    const unknown = names.find(name => !isKnown(name))
    if (unknown !== undefined)
      throw new TypeError(`${flag}-admission-plugins plugin ${JSON.stringify(unknown)} is unknown`)
  }
  const both = [...new Set(enabled)].filter(name => disabled.includes(name)).sort()
  if (both.length > 0) {
    throw new TypeError(`[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`)
  }
}
