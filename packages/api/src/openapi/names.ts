/** Names of definitions in OpenAPI documents, from names in the facts table. */

const FOLDERS: readonly (readonly [string, string])[] = [
  ['am.', 'io.k8s.apimachinery.pkg.'],
  ['apiextensions.', 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.'],
  ['apiregistration.', 'io.k8s.kube-aggregator.pkg.apis.apiregistration.'],
]

/** `io.k8s.api.core.v1.Pod` for `core.v1.Pod`. */
export function definitionName(message: string): string {
  for (const [prefix, folder] of FOLDERS) if (message.startsWith(prefix)) return folder + message.slice(prefix.length)
  return `io.k8s.api.${message}`
}
