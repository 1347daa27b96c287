/** Fields of Go's structures: their names there, and their order. */
import type { Field, StructSchema } from '@canopus/apimachinery'

export interface Member {
  /** In Go. */
  readonly name: string
  readonly field: Field
}

const known = new Map<StructSchema, readonly Member[]>()

/** In the order of Go's structure, which in a few is not that of the numbers in protobuf. */
export function membersOf(schema: StructSchema): readonly Member[] {
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
  apiGroups: 'APIGroups',
  apiVersion: 'APIVersion',
  awsElasticBlockStore: 'AWSElasticBlockStore',
  cephfs: 'CephFS',
  cel: 'CEL',
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
  jsonPath: 'JSONPath',
  metadata: 'ObjectMeta',
  nfs: 'NFS',
  os: 'OS',
  pdName: 'PDName',
  pool: 'RBDPool',
  rbd: 'RBD',
  seLinuxChangePolicy: 'SELinuxChangePolicy',
  seLinuxOptions: 'SELinuxOptions',
  sslEnabled: 'SSLEnabled',
  storageos: 'StorageOS',
  tcpSocket: 'TCPSocket',
  tty: 'TTY',
  uid: 'UID',
  wwids: 'WWIDs',
  'DeviceAttribute.bool': 'BoolValue',
  'DeviceAttribute.bools': 'BoolValues',
  'DeviceAttribute.int': 'IntValue',
  'DeviceAttribute.ints': 'IntValues',
  'DeviceAttribute.string': 'StringValue',
  'DeviceAttribute.strings': 'StringValues',
  'DeviceAttribute.version': 'VersionValue',
  'DeviceAttribute.versions': 'VersionValues',
  'JSONSchemaProps.$ref': 'Ref',
  'JSONSchemaProps.$schema': 'Schema',
  'JSONSchemaProps.id': 'ID',
  'JSONSchemaProps.x-kubernetes-embedded-resource': 'XEmbeddedResource',
  'JSONSchemaProps.x-kubernetes-int-or-string': 'XIntOrString',
  'JSONSchemaProps.x-kubernetes-list-map-keys': 'XListMapKeys',
  'JSONSchemaProps.x-kubernetes-list-type': 'XListType',
  'JSONSchemaProps.x-kubernetes-map-type': 'XMapType',
  'JSONSchemaProps.x-kubernetes-preserve-unknown-fields': 'XPreserveUnknownFields',
  'JSONSchemaProps.x-kubernetes-validations': 'XValidations',
  'ExternalDocumentation.url': 'URL',
  'PodSpec.serviceAccount': 'DeprecatedServiceAccount',
  'RBDPersistentVolumeSource.image': 'RBDImage',
  'RBDPersistentVolumeSource.monitors': 'CephMonitors',
  'RBDPersistentVolumeSource.user': 'RadosUser',
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
  CustomResourceDefinitionVersion:
    'name served storage deprecated deprecationWarning schema subresources additionalPrinterColumns selectableFields',
  HPAScalingRules: 'stabilizationWindowSeconds selectPolicy policies tolerance',
  LimitedPriorityLevelConfiguration: 'nominalConcurrencyShares limitResponse lendablePercent borrowingLimitPercent',
  FlowSchemaSpec: 'priorityLevelConfiguration matchingPrecedence distinguisherMethod rules',
  SecurityContext:
    'capabilities privileged seLinuxOptions windowsOptions runAsUser runAsGroup runAsNonRoot ' +
    'readOnlyRootFilesystem allowPrivilegeEscalation procMount seccompProfile appArmorProfile',
  PodSecurityContext:
    'seLinuxOptions windowsOptions runAsUser runAsGroup runAsNonRoot supplementalGroups ' +
    'supplementalGroupsPolicy fsGroup sysctls fsGroupChangePolicy seccompProfile appArmorProfile ' +
    'seLinuxChangePolicy',
}
