/**
 * Values as the JSON of upstream's internal types, which some of its messages show: those types have no names for JSON, so fields are called
 * as in Go, and all of them are there. Types of k8s.io/apimachinery have such names, and leave out what is empty.
 */
import {
  type Field,
  isGivenEmpty,
  type Schema,
  type SpecialSchema,
  type StructSchema,
  zeroOf,
} from '@canopus/apimachinery'
import { type Member, membersOf } from './go-structs.ts'
import { schemas } from './schemas.ts'

type Plain = Readonly<Record<string, unknown>>
type Open = Record<string, unknown>

/** `value`, of the message of that name in the table (`rbac.v1.RoleRef`), as its internal type. */
export const goJson = (message: string, value: unknown): unknown =>
  value === undefined || value === null ? null : present(schemas.schemaOf(message), value)

/** A field of a value of that message, as its internal type: also where nothing was given for it. */
export function goField(message: string, value: object, name: string): unknown {
  const field = schemas.schemaOf(message).fields.get(name)!
  const own = (value as Plain)[name]
  return own === undefined || own === null ? unset(field, value as Plain) : present(field.schema, own)
}

function present(schema: Schema, value: unknown): unknown {
  switch (schema.type) {
    case 'struct':
      return structOf(schema, value as Plain)
    case 'list':
      return (value as unknown[]).map(each => entryOf(schema.items, each))
    case 'map':
      return mapOf(schema.values, value as Plain)
    case 'schemaOrList':
      return Array.isArray(value)
        ? { Schema: null, JSONSchemas: all(schema, value) }
        : { Schema: one(schema, value), JSONSchemas: null }
    case 'schemaOrBool':
      return typeof value === 'boolean' ? { Allows: value, Schema: null } : { Allows: true, Schema: one(schema, value) }
    case 'schemaOrStrings':
      return Array.isArray(value) ? { Schema: null, Property: value } : { Schema: one(schema, value), Property: null }
    default:
      return value
  }
}

/** Of the either-or types of JSON schemas. */
const one = ({ struct }: SpecialSchema, value: unknown): unknown => structOf(struct!, value as Plain)
const all = (schema: SpecialSchema, values: readonly unknown[]): unknown => values.map(each => one(schema, each))

const mapOf = (values: Schema, map: Plain): Open =>
  Object.fromEntries(
    Object.keys(map)
      .sort()
      .map(key => [key, entryOf(values, map[key])]),
  )

const entryOf = (schema: Schema, value: unknown): unknown =>
  value === undefined || value === null ? zeroIn(schema) : present(schema, value)

/** Of what is no pointer. */
function zeroIn(schema: Schema): unknown {
  if (schema.type === 'struct') return structOf(schema, {})
  return schema.type === 'bytes' ? null : zeroOf(schema)
}

const isMeta = ({ name }: StructSchema): boolean => name.startsWith('am.')

function structOf(schema: StructSchema, value: Plain): Open {
  const made: Open = {}
  for (const member of membersOf(schema)) addMember(made, member, value, isMeta(schema))
  if (schema.name === 'core.v1.PodSpec') moveIntoSecurityContext(made)
  const order = INTERNAL_ORDERS[schema.name]
  return order === undefined ? made : Object.fromEntries(order.split(' ').map(name => [name, made[name]]))
}

/** What a pod shares with its host is part of the internal security context. */
const SHARED = ['HostNetwork', 'HostPID', 'HostIPC', 'ShareProcessNamespace', 'HostUsers']

function moveIntoSecurityContext(spec: Open): void {
  const context = (spec.SecurityContext ?? {}) as Open
  spec.SecurityContext = { ...Object.fromEntries(SHARED.map(name => [name, spec[name]])), ...context }
}

/** The fields of internal types that have others than v1, or in another order (pkg/apis/core/types.go, types_jsonschema.go of apiextensions). */
const INTERNAL_ORDERS: Readonly<Record<string, string>> = {
  'apiextensions.v1.JSONSchemaProps':
    'ID Schema Ref Description Type Nullable Format Title Default Maximum ExclusiveMaximum Minimum ExclusiveMinimum ' +
    'MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Enum MaxProperties MinProperties Required Items ' +
    'AllOf OneOf AnyOf Not Properties AdditionalProperties PatternProperties Dependencies AdditionalItems Definitions ' +
    'ExternalDocs Example XPreserveUnknownFields XEmbeddedResource XIntOrString XListMapKeys XListType XMapType XValidations',
  'core.v1.ISCSIPersistentVolumeSource':
    'TargetPortal IQN Lun ISCSIInterface FSType ReadOnly Portals DiscoveryCHAPAuth SessionCHAPAuth SecretRef InitiatorName',
  'core.v1.PersistentVolumeSource':
    'GCEPersistentDisk AWSElasticBlockStore HostPath Glusterfs NFS RBD Quobyte ISCSI FlexVolume Cinder CephFS FC Flocker ' +
    'AzureFile VsphereVolume AzureDisk PhotonPersistentDisk PortworxVolume ScaleIO Local StorageOS CSI',
  'core.v1.PodSecurityContext':
    'SELinuxOptions WindowsOptions RunAsUser RunAsGroup RunAsNonRoot SupplementalGroups SupplementalGroupsPolicy FSGroup ' +
    'FSGroupChangePolicy Sysctls SeccompProfile AppArmorProfile SELinuxChangePolicy',
  'core.v1.PodSpec':
    'Volumes InitContainers Containers EphemeralContainers RestartPolicy TerminationGracePeriodSeconds ' +
    'ActiveDeadlineSeconds DNSPolicy NodeSelector ServiceAccountName AutomountServiceAccountToken NodeName SecurityContext ' +
    'ImagePullSecrets Hostname Subdomain SetHostnameAsFQDN Affinity SchedulerName Tolerations HostAliases ' +
    'PriorityClassName Priority PreemptionPolicy DNSConfig ReadinessGates RuntimeClassName Overhead EnableServiceLinks ' +
    'TopologySpreadConstraints OS SchedulingGates ResourceClaims Resources HostnameOverride SchedulingGroup',
  'core.v1.VolumeSource':
    'HostPath EmptyDir GCEPersistentDisk AWSElasticBlockStore GitRepo Secret NFS ISCSI Glusterfs PersistentVolumeClaim RBD ' +
    'Quobyte FlexVolume Cinder CephFS Flocker DownwardAPI FC AzureFile ConfigMap VsphereVolume AzureDisk ' +
    'PhotonPersistentDisk Projected PortworxVolume ScaleIO StorageOS CSI Ephemeral Image',
}

function addMember(made: Open, { name, field }: Member, value: Plain, isNamed: boolean): void {
  const { schema } = field
  const own = field.inline ? value : value[field.name]
  // A structure without a name of its own lends its fields to the one that it is in.
  const isLent = schema.type === 'struct' && (field.inline || name === 'ObjectMeta')
  if (isLent) Object.assign(made, structOf(schema, (own ?? {}) as Plain))
  else if (!isNamed) made[name] = own === undefined || own === null ? unset(field, value) : present(schema, own)
  else if (own !== undefined && own !== null) made[field.name] = present(schema, own)
  else if (!field.omitEmpty) made[field.name] = unset(field, value)
}

/** Lists and maps that were given without entries are not null to Go. */
function unset({ name, pointer, schema }: Field, parent: Plain): unknown {
  if (isGivenEmpty(parent, name)) return schema.type === 'list' ? [] : {}
  return pointer ? null : zeroIn(schema)
}
