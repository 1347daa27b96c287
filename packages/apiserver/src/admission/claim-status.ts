import type { AllocatedDeviceStatus, AllocationResult, ResourceClaim } from '@canopus/api/resource/v1'
import { checkDns1123Subdomain, type FieldError, forbidden, semanticEqual } from '@canopus/apimachinery'
import { EXTRA, parseServiceAccountUser } from '../authn/user.ts'
import { forbiddenAttributes } from '../filters/authorization.ts'
import type { AdmissionAttributes, AdmissionPlugin, Attributes, Authorizer, User } from '../security.ts'
import { adminAccessErrors } from './admin-access.ts'
import { type AdmissionContext, refusingBy } from './shared.ts'

type ClaimStatus = NonNullable<ResourceClaim['status']>
type Asked = Pick<Attributes, 'verb' | 'subresource' | 'namespace' | 'name'>

/**
 * Who may write a claim's status may not write all of it: allocations and reservations take the right to
 * `resourceclaims/binding`, devices that to `resourceclaims/driver` of their driver
 * (DRAResourceClaimGranularStatusAuthorization, pkg/registry/resource/utils.go). Upstream does this in the strategy, next to
 * validation; here it is a plugin, whose findings are told together with those of validation.
 */
export function claimStatusAuthorization({ authorizer, objects }: AdmissionContext): AdmissionPlugin {
  async function fieldErrors(attributes: AdmissionAttributes): Promise<FieldError[]> {
    const { status = {} } = attributes.object as ResourceClaim
    const { status: old = {} } = attributes.oldObject as ResourceClaim
    const errors = await bindingErrors(authorizer, attributes, status, old)
    errors.push(...(await deviceErrors(authorizer, attributes, status, old)))
    return [...grantedErrors(objects, attributes.namespace, status, old), ...errors]
  }
  return {
    name: 'ResourceClaimStatusAuthorization',
    operations: ['UPDATE'],
    resources: ['resource.k8s.io/resourceclaims/status'],
    ...refusingBy(fieldErrors),
  }
}

/** Devices of others are given only where they may be asked for; what was given stays. */
function grantedErrors(
  objects: AdmissionContext['objects'],
  namespace: string,
  status: ClaimStatus,
  old: ClaimStatus,
): FieldError[] {
  const granted = ({ allocation }: ClaimStatus): number =>
    (allocation?.devices?.results ?? []).findIndex(({ adminAccess }) => adminAccess === true)
  const index = granted(status)
  if (index < 0 || granted(old) >= 0) return []
  return adminAccessErrors(objects, namespace, `status.allocation.devices.results[${index}].adminAccess`)
}

async function bindingErrors(
  authorizer: Authorizer,
  attributes: AdmissionAttributes,
  status: ClaimStatus,
  old: ClaimStatus,
): Promise<FieldError[]> {
  const same = sameWith(status, old, 'allocation') && semanticEqual(status.reservedFor, old.reservedFor)
  if (same) return []
  const verb = verbOf(attributes)
  // Whoever binds claims does so everywhere.
  const problem = await refused(authorizer, attributes, { verb, subresource: 'binding', namespace: '', name: '' })
  if (problem === undefined) return []
  const what = `resource="resourceclaims/binding", verb="${verb}" permission`
  return [
    forbidden('status.allocation', `changing status.allocation or status.reservedFor requires ${what}: ${problem}`),
  ]
}

async function deviceErrors(
  authorizer: Authorizer,
  attributes: AdmissionAttributes,
  status: ClaimStatus,
  old: ClaimStatus,
): Promise<FieldError[]> {
  // The devices of a claim go with its allocation: that is no change by their drivers.
  if (status.allocation === undefined) return []
  const verb = verbOf(attributes)
  const verbs = [`arbitrary-node:${verb}`]
  if (runsOn(attributes.user, onlyNode(status.allocation))) verbs.unshift(`associated-node:${verb}`)
  const errors: FieldError[] = []
  for (const driver of changedDrivers(status.devices ?? [], old.devices ?? [])) {
    const problem = await refusedAll(authorizer, attributes, verbs, driver)
    if (problem === undefined) continue
    const what = `resource="resourceclaims/driver", verb="[${verbs.join(' ')}]" permission`
    errors.push(forbidden('status.devices', `changing status.devices requires ${what}: ${problem}`))
  }
  return errors
}

/** The server's own writes have no verb, and replace what there is. */
const verbOf = ({ verb = 'update' }: AdmissionAttributes): string => verb

/** Why none of the verbs is allowed on the driver, by the first; `undefined` where one is. */
async function refusedAll(
  authorizer: Authorizer,
  attributes: AdmissionAttributes,
  verbs: readonly string[],
  driver: string,
): Promise<string | undefined> {
  let first: string | undefined
  for (const verb of verbs) {
    const asked = { verb, subresource: 'driver', namespace: attributes.namespace, name: driver }
    const problem = await refused(authorizer, attributes, asked)
    if (problem === undefined) return undefined
    first ??= problem
  }
  return first
}

/** Why the user may not do what is asked about; `undefined` where they may. */
async function refused(
  authorizer: Authorizer,
  { user, resource }: AdmissionAttributes,
  asked: Asked,
): Promise<string | undefined> {
  const attributes: Attributes = {
    user,
    isResourceRequest: true,
    path: '',
    apiGroup: resource.group,
    apiVersion: resource.version,
    resource: resource.resource,
    ...asked,
  }
  const { decision, reason } = await authorizer.authorize(attributes)
  return decision === 'allow' ? undefined : forbiddenAttributes(attributes, reason).message
}

const deviceKey = ({ driver, pool, device, shareID = '' }: AllocatedDeviceStatus): string =>
  JSON.stringify([driver, pool, device, shareID])

/** Whether the field means the same in both. An empty struct is something: who adds one changes the object. */
function sameWith<K extends string>(a: { [key in K]?: unknown }, b: { [key in K]?: unknown }, key: K): boolean {
  return (a[key] === undefined) === (b[key] === undefined) && semanticEqual(a[key], b[key])
}

/** Drivers, in order, of the devices that came, went or changed. */
export function changedDrivers(
  devices: readonly AllocatedDeviceStatus[],
  old: readonly AllocatedDeviceStatus[],
): string[] {
  const left = new Map(old.map(each => [deviceKey(each), each]))
  const drivers = new Set<string>()
  for (const each of devices) {
    const key = deviceKey(each)
    const before = left.get(key)
    if (before === undefined || !semanticEqual(before, each) || !sameWith(before, each, 'networkData'))
      drivers.add(each.driver)
    left.delete(key)
  }
  for (const { driver } of left.values()) drivers.add(driver)
  return [...drivers].sort()
}

/** The node whose devices are allocated, where the allocation names exactly one. */
export function onlyNode({ nodeSelector }: AllocationResult): string | undefined {
  const [term, ...terms] = nodeSelector?.nodeSelectorTerms ?? []
  const [field, ...fields] = term?.matchFields ?? []
  if (field === undefined || terms.length + fields.length + (term?.matchExpressions ?? []).length > 0) return undefined
  const { key, operator, values = [] } = field
  return key === 'metadata.name' && operator === 'In' && values.length === 1 ? values[0] : undefined
}

/** Whether the user is a service account whose token was made for a pod on the node. */
function runsOn({ name, extra }: User, node: string | undefined): boolean {
  if (!node || parseServiceAccountUser(name) === undefined) return false
  const names = extra?.[EXTRA.nodeName] ?? []
  return names.length === 1 && names[0] === node && checkDns1123Subdomain(node).length === 0
}
