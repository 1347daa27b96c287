/** Stored bytes that another API server wrote, as our own form. */
import { type Kind, schemaOfKind, storableKinds, writeZeros } from '@canopus/api'
import type { PodDisruptionBudget } from '@canopus/api/policy/v1'
import {
  apiVersionOf,
  decodeProtobuf,
  isProtobuf,
  type KubeObject,
  parseApiVersion,
  parseJson,
  type StructSchema,
} from '@canopus/apimachinery'
import { definitionOfV1beta1, FORMER_DEFINITION } from './former-definition.ts'
import { asBuffer, stampedBytes } from './object-version.ts'

/**
 * JSON without a revision inside, or an enveloped protobuf message, in whichever version its server stored it. Throws where the
 * bytes are neither, or of a version that nobody here knows.
 */
export function normalise(bytes: Uint8Array, revision: number): Uint8Array {
  const object = isProtobuf(bytes)
    ? (decodeProtobuf(schemaOf, bytes) as unknown as KubeObject)
    : (parseJson(asBuffer(bytes).toString()) as KubeObject)
  return stampedBytes(asStored({ ...object, metadata: object.metadata ?? {} }), revision)
}

/**
 * Versions before the one that is stored today, whose fields are the same (upstream's fixtures show it). Upstream still stores
 * some of them, so that its last release can read what it writes, and may have left others in a store that has grown old.
 */
const FORMER: Readonly<Record<string, readonly string[]>> = {
  'admissionregistration.k8s.io': ['v1beta1'],
  apps: ['v1beta2'],
  batch: ['v1beta1'],
  'certificates.k8s.io': ['v1beta1'],
  'coordination.k8s.io': ['v1beta1'],
  'flowcontrol.apiserver.k8s.io': ['v1beta3'],
  'node.k8s.io': ['v1beta1'],
  policy: ['v1beta1'],
  'rbac.authorization.k8s.io': ['v1beta1'],
  'resource.k8s.io': ['v1beta2'],
  'scheduling.k8s.io': ['v1beta1'],
  'storage.k8s.io': ['v1beta1'],
}
/** The same for single kinds of groups whose others have changed. */
const FORMER_KINDS: ReadonlySet<string> = new Set([
  'networking.k8s.io/v1beta1 IPAddress',
  'networking.k8s.io/v1beta1 IngressClass',
  'networking.k8s.io/v1beta1 ServiceCIDR',
])

/** What meant something else in a former version. */
const FORMER_MEANINGS: Readonly<Record<string, (object: KubeObject) => void>> = {
  /** A selector without rules chose nothing then, and chooses everything now (pkg/apis/policy/v1beta1/conversion.go). */
  'policy/v1beta1 PodDisruptionBudget': object => {
    const { spec } = object as PodDisruptionBudget
    if (spec?.selector === undefined || Object.keys(spec.selector).length > 0) return
    const key = 'pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match'
    spec.selector = { matchExpressions: [{ key, operator: 'Exists' }] }
  },
}

const kinds = new Map<string, Kind>(storableKinds.map(kind => [`${apiVersionOf(kind.type)} ${kind.type.kind}`, kind]))
const storedKinds = new Map<string, Kind>(
  storableKinds.filter(kind => kind.storedAs === undefined).map(kind => [`${kind.type.group} ${kind.type.kind}`, kind]),
)

/** The kind whose version is stored, where `apiVersion` is an older one of the same shape. */
function successorOf(apiVersion: string, kind: string): Kind | undefined {
  const { group, version } = parseApiVersion(apiVersion)
  const former = FORMER[group]?.includes(version) || FORMER_KINDS.has(`${apiVersion} ${kind}`)
  return former ? storedKinds.get(`${group} ${kind}`) : undefined
}

function complete({ strategy }: Kind, object: KubeObject): void {
  strategy.default?.(object)
  strategy.completeStored?.(object)
}

/** The object in the version that its kind is stored in, with the defaults of today: it may come from a time that had others. */
function asStored(object: KubeObject): KubeObject {
  const { apiVersion = '', kind = '' } = object
  const known = kinds.get(`${apiVersion} ${kind}`)
  if (known !== undefined) {
    writeZeros(known, object)
    complete(known, object)
    return known.storedAs === undefined ? object : known.storedAs.toStored(object)
  }
  if (`${apiVersion} ${kind}` === FORMER_DEFINITION) return definitionOfV1beta1(object)
  const successor = successorOf(apiVersion, kind)
  if (successor === undefined) return object
  complete(successor, object)
  FORMER_MEANINGS[`${apiVersion} ${kind}`]?.(object)
  return { ...object, apiVersion: apiVersionOf(successor.type) }
}

function schemaOf(apiVersion: string, kind: string): StructSchema {
  const successor = successorOf(apiVersion, kind)
  const type = successor?.type ?? { ...parseApiVersion(apiVersion), kind }
  const schema = schemaOfKind(type)
  if (schema === undefined) throw new Error(`no kind ${kind} in version ${apiVersion}`)
  return schema
}
