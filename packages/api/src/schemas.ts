import { metaFacts, SchemaSet, type StructSchema } from '@canopus/apimachinery'
import { facts } from './generated/facts.ts'

/** The schemas of every built-in message, by table name: `schemas.schemaOf('core.v1.Pod')`. */
export const schemas = new SchemaSet(metaFacts, facts)

const META_PACKAGE = 'am.apis.meta.v1'

/** The table's package of each built-in group. */
const PACKAGES: Readonly<Record<string, string>> = {
  '': 'core',
  'admission.k8s.io': 'admission',
  'admissionregistration.k8s.io': 'admissionregistration',
  'apidiscovery.k8s.io': 'apidiscovery',
  'apiextensions.k8s.io': 'apiextensions',
  'apiregistration.k8s.io': 'apiregistration',
  apps: 'apps',
  'authentication.k8s.io': 'authentication',
  'authorization.k8s.io': 'authorization',
  autoscaling: 'autoscaling',
  batch: 'batch',
  'certificates.k8s.io': 'certificates',
  'coordination.k8s.io': 'coordination',
  'discovery.k8s.io': 'discovery',
  'events.k8s.io': 'events',
  'flowcontrol.apiserver.k8s.io': 'flowcontrol',
  'networking.k8s.io': 'networking',
  'node.k8s.io': 'node',
  policy: 'policy',
  'rbac.authorization.k8s.io': 'rbac',
  'resource.k8s.io': 'resource',
  'scheduling.k8s.io': 'scheduling',
  'storage.k8s.io': 'storage',
}

/**
 * The table's name for a built-in kind, for example `rbac.v1.Role` for group `rbac.authorization.k8s.io`. Kinds that the core group and
 * `meta.k8s.io` share (`Status`, `PartialObjectMetadata`, ...) are found there; option kinds and `WatchEvent` in every group,
 * also in those of custom resources. Undefined where there is none.
 */
export function messageNameOf(kind: { group: string; version: string; kind: string }): string | undefined {
  const folder = Object.hasOwn(PACKAGES, kind.group) ? PACKAGES[kind.group] : undefined
  const name = `${folder}.${kind.version}.${kind.kind}`
  if (folder !== undefined && schemas.has(name)) return name
  const everywhere = kind.kind === 'WatchEvent' || kind.kind.endsWith('Options')
  if (!everywhere && kind.group !== '' && kind.group !== 'meta.k8s.io') return undefined
  const shared = `${META_PACKAGE}.${kind.kind}`
  return schemas.has(shared) ? shared : undefined
}

/** The schema of a built-in kind or its list, or undefined. */
export function schemaOfKind(kind: { group: string; version: string; kind: string }): StructSchema | undefined {
  const name = messageNameOf(kind)
  return name === undefined ? undefined : schemas.schemaOf(name)
}
