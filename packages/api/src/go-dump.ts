/**
 * Values as Go's own structures print themselves, which upstream hashes for names and labels of pod templates
 * (k8s.io/apimachinery/pkg/util/dump: ForHash). Knows what templates of pods are made of.
 */
import type { Field, Schema, StructSchema } from '@canopus/apimachinery'

type Plain = Readonly<Record<string, unknown>>

/** `value` with its type, as the outermost one is printed. Empty lists and maps are those that are not there. */
export const goDump = (schema: Schema, value: unknown): string => `(${schema.goType})${bare(schema, value)}`

function bare(schema: Schema, value: unknown): string {
  switch (schema.type) {
    case 'struct':
      return structText(schema, (value ?? {}) as Plain)
    case 'list':
      return isEmpty(value) ? '<nil>' : `[${(value as unknown[]).map(each => bare(schema.items, each)).join(' ')}]`
    case 'map':
      return isEmpty(value) ? '<nil>' : `map[${entries(value as Plain, schema.values)}]`
    case 'quantity':
      return quantityText(value as string | undefined)
    case 'intOrString':
      return intOrStringText(value as number | string | undefined)
    case 'time':
      return '{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}'
    case 'string':
      return String(value ?? '')
    case 'bool':
      return String(value ?? false)
    default:
      return String(value ?? 0)
  }
}

const isEmpty = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || Object.keys(value).length === 0

const entries = (map: Plain, values: Schema): string =>
  Object.keys(map)
    .sort()
    .map(key => `${key}:${bare(values, map[key])}`)
    .join(' ')

function structText(schema: StructSchema, value: Plain): string {
  return `{${membersOf(schema)
    .map(({ name, field }) => `${name}:${fieldText(field, field.inline ? value : value[field.name])}`)
    .join(' ')}}`
}

function fieldText({ schema, pointer }: Field, value: unknown): string {
  if (!pointer) return goDump(schema, value)
  return `(*${schema.goType})${value === undefined || value === null ? '<nil>' : bare(schema, value)}`
}

const QUANTITY = /^([+-]?)(\d+)(?:(m|u|n|k|M|G|T|P|E)|([KMGTPE]i)|[eE]([+-]?\d+))?$/
const SCALES: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }

const MOST = 2n ** 63n - 1n

/** As it was read from its canonical form (k8s.io/apimachinery/pkg/api/resource: ParseQuantity). */
function quantityText(text: string | undefined): string {
  if (text === undefined) return quantity(0n, 0, '', '')
  const [, sign = '', digits = '0', decimal, binary, exponent] = QUANTITY.exec(text) ?? []
  const power = binary === undefined ? 0 : 10 * (1 + 'KMGTPE'.indexOf(binary[0]!))
  const format = binary !== undefined ? 'BinarySI' : exponent !== undefined ? 'DecimalExponent' : 'DecimalSI'
  const value = BigInt(digits) << BigInt(power)
  const scale = decimal === undefined ? Number(exponent ?? 0) : SCALES[decimal]!
  const room = binary === undefined ? 18 - digits.length : 14 - digits.length - Math.floor((power * 3) / 10)
  if (room < 0) return large(value, sign === '-', scale, format)
  const isKept = binary === undefined ? scale % 3 === 0 && !/^0.|000$/.test(digits) : BigInt(digits) % 8n !== 0n
  return quantity(sign === '-' ? -value : value, scale, isKept ? text : '', format)
}

const quantity = (value: bigint, scale: number, text: string, format: string): string =>
  `{i:(resource.int64Amount){value:(int64)${value} scale:(resource.Scale)${scale}} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)${text} Format:(resource.Format)${format}}`

/** What may not fit into 64 bits Go keeps in words of them, in billionths. */
function large(value: bigint, isNegative: boolean, scale: number, format: string): string {
  const isCapped = format === 'BinarySI' && value > MOST
  const words: bigint[] = []
  for (let left = isCapped ? MOST : value * 10n ** BigInt(9 + scale); left > 0n; left >>= 64n)
    words.push(BigInt.asUintN(64, left))
  const decimal = `(*inf.Dec){unscaled:(big.Int){neg:(bool)${isNegative} abs:(big.nat)[${words.join(' ')}]} scale:(inf.Scale)${isCapped ? 0 : 9}}`
  return `{i:(resource.int64Amount){value:(int64)0 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:${decimal}} s:(string) Format:(resource.Format)${format}}`
}

function intOrStringText(value: number | string | undefined = 0): string {
  const [type, number, text] = typeof value === 'number' ? [0, value, ''] : [1, 0, value]
  return `{Type:(intstr.Type)${type} IntVal:(int32)${number} StrVal:(string)${text}}`
}

interface Member {
  /** In Go. */
  readonly name: string
  readonly field: Field
}

const known = new Map<StructSchema, readonly Member[]>()

/** In the order of Go's structure, which in a few is not that of the numbers in protobuf. */
function membersOf(schema: StructSchema): readonly Member[] {
  let members = known.get(schema)
  if (members !== undefined) return members
  const struct = lastWord(schema)
  const order = ORDERS[struct]?.split(' ')
  const fields = order
    ? schema.members.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
    : schema.members
  members = fields.map(field => ({ name: nameOf(struct, field), field }))
  known.set(schema, members)
  return members
}

const lastWord = ({ name }: StructSchema): string => name.replace(/^.*\./, '')

function nameOf(struct: string, { name, schema, inline }: Field): string {
  if (inline) return lastWord(schema as StructSchema)
  return NAMES[`${struct}.${name}`] ?? NAMES[name] ?? `${name[0]!.toUpperCase()}${name.slice(1)}`
}

/** Go's names of fields where they are not those of JSON with a capital. */
const NAMES: Readonly<Record<string, string>> = {
  apiGroup: 'APIGroup',
  apiVersion: 'APIVersion',
  awsElasticBlockStore: 'AWSElasticBlockStore',
  cephfs: 'CephFS',
  chapAuthDiscovery: 'DiscoveryCHAPAuth',
  chapAuthSession: 'SessionCHAPAuth',
  csi: 'CSI',
  diskURI: 'DataDiskURI',
  dnsConfig: 'DNSConfig',
  dnsPolicy: 'DNSPolicy',
  endpoints: 'EndpointsName',
  fc: 'FC',
  fsGroup: 'FSGroup',
  fsGroupChangePolicy: 'FSGroupChangePolicy',
  fsType: 'FSType',
  gcePersistentDisk: 'GCEPersistentDisk',
  gmsaCredentialSpec: 'GMSACredentialSpec',
  gmsaCredentialSpecName: 'GMSACredentialSpecName',
  grpc: 'GRPC',
  httpGet: 'HTTPGet',
  httpHeaders: 'HTTPHeaders',
  ip: 'IP',
  iqn: 'IQN',
  iscsi: 'ISCSI',
  iscsiInterface: 'ISCSIInterface',
  metadata: 'ObjectMeta',
  nfs: 'NFS',
  os: 'OS',
  pdName: 'PDName',
  pool: 'RBDPool',
  rbd: 'RBD',
  seLinuxChangePolicy: 'SELinuxChangePolicy',
  seLinuxOptions: 'SELinuxOptions',
  serviceAccount: 'DeprecatedServiceAccount',
  sslEnabled: 'SSLEnabled',
  storageos: 'StorageOS',
  tcpSocket: 'TCPSocket',
  tty: 'TTY',
  uid: 'UID',
  wwids: 'WWIDs',
  'RBDVolumeSource.image': 'RBDImage',
  'RBDVolumeSource.monitors': 'CephMonitors',
  'RBDVolumeSource.user': 'RadosUser',
}

const CONTAINER =
  'name image command args workingDir ports envFrom env resources resizePolicy restartPolicy ' +
  'restartPolicyRules volumeMounts volumeDevices livenessProbe readinessProbe startupProbe lifecycle ' +
  'terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext stdin stdinOnce tty'

/** The fields of Go's structures where they do not stand in the order of their numbers. */
const ORDERS: Readonly<Record<string, string>> = {
  Container: CONTAINER,
  EphemeralContainerCommon: CONTAINER,
  OwnerReference: 'apiVersion kind name uid controller blockOwnerDeletion',
  PodSpec:
    'volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds ' +
    'activeDeadlineSeconds dnsPolicy nodeSelector serviceAccountName serviceAccount ' +
    'automountServiceAccountToken nodeName hostNetwork hostPID hostIPC shareProcessNamespace securityContext ' +
    'imagePullSecrets hostname subdomain affinity schedulerName tolerations hostAliases priorityClassName ' +
    'priority dnsConfig readinessGates runtimeClassName enableServiceLinks preemptionPolicy overhead ' +
    'topologySpreadConstraints setHostnameAsFQDN os hostUsers schedulingGates resourceClaims resources ' +
    'hostnameOverride schedulingGroup',
  VolumeSource:
    'hostPath emptyDir gcePersistentDisk awsElasticBlockStore gitRepo secret nfs iscsi glusterfs ' +
    'persistentVolumeClaim rbd flexVolume cinder cephfs flocker downwardAPI fc azureFile configMap ' +
    'vsphereVolume quobyte azureDisk photonPersistentDisk projected portworxVolume scaleIO storageos csi ' +
    'ephemeral image',
  ISCSIVolumeSource:
    'targetPortal iqn lun iscsiInterface fsType readOnly portals chapAuthDiscovery chapAuthSession secretRef ' +
    'initiatorName',
  ClusterTrustBundleProjection: 'name signerName labelSelector optional path',
  PersistentVolumeClaimSpec:
    'accessModes selector resources volumeName storageClassName volumeMode dataSource dataSourceRef ' +
    'volumeAttributesClassName',
  VolumeMount: 'name readOnly recursiveReadOnly mountPath subPath mountPropagation subPathExpr',
  SecurityContext:
    'capabilities privileged seLinuxOptions windowsOptions runAsUser runAsGroup runAsNonRoot ' +
    'readOnlyRootFilesystem allowPrivilegeEscalation procMount seccompProfile appArmorProfile',
  PodSecurityContext:
    'seLinuxOptions windowsOptions runAsUser runAsGroup runAsNonRoot supplementalGroups ' +
    'supplementalGroupsPolicy fsGroup sysctls fsGroupChangePolicy seccompProfile appArmorProfile ' +
    'seLinuxChangePolicy',
}
