import {
  checkDns1123Label,
  compareQuantities,
  duplicate,
  forbidden,
  formatQuantity,
  givenField,
  invalid,
  notSupported,
  required,
} from '@canopus/apimachinery'
import type { ContainerResizePolicy, PodSpec, ResourceRequirements } from '../../../generated/core.v1.ts'
import { checkText, type Errors, fieldError } from '../../shared/check.ts'
import {
  checkAmount,
  checkContainerResourceName,
  checkHugePages,
  checkResourceName,
  isHugePages,
  isOvercommitAllowed,
} from '../../shared/resource-names.ts'
import { aggregateContainers, isPodLevelResource } from './resources.ts'

type NameRule = (errors: Errors, field: string, name: string) => void

/** Requests and limits of a container, or of a pod with `checkPodResourceName`. */
export function checkResources(
  errors: Errors,
  path: string,
  { limits, requests, claims }: ResourceRequirements,
  claimNames: ReadonlySet<string>,
  checkName: NameRule = checkContainerResourceName,
): void {
  let computes = false
  let hugePages = false
  for (const name in limits) {
    const field = `${path}.limits[${name}]`
    checkName(errors, field, name)
    checkAmount(errors, field, name, limits[name]!)
    checkHugePages(errors, field, name, limits[name]!)
    computes ||= name === 'cpu' || name === 'memory'
    hugePages ||= isHugePages(name)
  }
  for (const name in requests) {
    const field = `${path}.requests[${name}]`
    checkName(errors, field, name)
    checkAmount(errors, field, name, requests[name]!)
    computes ||= name === 'cpu' || name === 'memory'
    hugePages ||= isHugePages(name)
    checkAgainstLimit(errors, path, name, requests[name]!, limits?.[name])
    checkHugePages(errors, field, name, requests[name]!)
  }
  if (hugePages && !computes) errors.push(forbidden(path, 'HugePages require cpu or memory'))
  if (claims !== undefined) checkClaims(errors, `${path}.claims`, claims, claimNames)
}

function checkAgainstLimit(errors: Errors, path: string, name: string, request: string, limit?: string): void {
  if (limit === undefined) {
    if (!isOvercommitAllowed(name)) {
      errors.push(required(`${path}.limits`, 'Limit must be set for non overcommitable resources'))
    }
    return
  }
  if (request === limit) return
  const order = compareQuantities(request, limit)
  if (order !== 0 && !isOvercommitAllowed(name)) {
    errors.push(invalid(`${path}.requests`, request, `must be equal to ${name} limit of ${limit}`))
  } else if (order > 0) {
    errors.push(invalid(`${path}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`))
  }
}

function checkClaims(
  errors: Errors,
  path: string,
  claims: NonNullable<ResourceRequirements['claims']>,
  claimNames: ReadonlySet<string>,
): void {
  const seen = new Set<string>()
  for (const [index, { name, request }] of claims.entries()) {
    const field = `${path}[${index}]`
    if (!name) {
      errors.push(required(field))
      continue
    }
    const key = request ? `${name}/${request}` : name
    if (request) checkText(errors, `${field}.request`, request, checkDns1123Label)
    const overlaps = !request && [...seen].some(each => each.startsWith(`${name}/`))
    if (seen.has(name) || seen.has(key) || overlaps) errors.push(duplicate(field, key))
    seen.add(key)
    if (claimNames.has(name)) continue
    const known = claimNames.size === 0 ? ' which is empty' : `: ${[...claimNames].sort().join(', ')}`
    const body = `Not found: ${JSON.stringify(name)}: must be one of the names in pod.spec.resourceClaims${known}`
    errors.push(fieldError('FieldValueNotFound', field, body))
  }
}

function checkPodResourceName(errors: Errors, field: string, name: string): void {
  if (!checkResourceName(errors, field, name)) return
  if (!isPodLevelResource(name)) errors.push(notSupported(field, name, ['cpu', 'hugepages-', 'memory']))
}

/** Requests and limits of the whole pod (KEP-2837): they must leave room for what the containers say. */
export function checkPodResources(errors: Errors, path: string, spec: PodSpec, claimNames: ReadonlySet<string>): void {
  const { resources } = spec
  if (resources === undefined) return
  if (spec.os?.name === 'windows') {
    errors.push(forbidden(path, 'may not be set for a windows pod'))
    return
  }
  if (givenField(resources, 'claims'))
    errors.push(forbidden(`${path}.claims`, 'claims may not be set for Resources at pod-level'))
  checkResources(errors, path, resources, claimNames, checkPodResourceName)
  for (const [name, amount] of aggregateContainers(spec, 'requests')) {
    const own = resources.requests?.[name]
    if (own === undefined || compareQuantities(amount, own) <= 0) continue
    const text = `must be greater than or equal to aggregate container requests of ${formatQuantity(amount)}`
    errors.push(invalid(`${path}.requests[${name}]`, own, text))
  }
  for (const [name, amount] of aggregateContainers(spec, 'limits')) {
    const own = resources.limits?.[name]
    if (own === undefined || !isHugePages(name) || compareQuantities(amount, own) <= 0) continue
    const text = `must be greater than or equal to aggregate container limits of ${formatQuantity(amount)}`
    errors.push(invalid(`${path}.limits[${name}]`, own, text))
  }
  for (const [index, container] of (spec.containers ?? []).entries()) {
    for (const name in container.resources?.limits) {
      const limit = container.resources.limits[name]!
      const own = resources.limits?.[name]
      if (own === undefined || compareQuantities(limit, own) <= 0) continue
      const field = `${path}.containers[${index}][${name}].limits`
      errors.push(invalid(field, limit, `must be less than or equal to pod limits of ${own}`))
    }
  }
}

const RESIZE_POLICIES = ['NotRequired', 'RestartContainer']

export function checkResizePolicies(
  errors: Errors,
  path: string,
  policies: readonly ContainerResizePolicy[],
  podRestartPolicy: string | undefined,
): void {
  const seen = new Set<string>()
  for (const [index, { resourceName, restartPolicy }] of policies.entries()) {
    if (seen.has(resourceName)) errors.push(duplicate(`${path}[${index}]`, resourceName))
    seen.add(resourceName)
    if (!resourceName) errors.push(required(path))
    else if (resourceName !== 'cpu' && resourceName !== 'memory') {
      errors.push(notSupported(path, resourceName, ['cpu', 'memory']))
    }
    if (!restartPolicy) errors.push(required(path))
    else if (!RESIZE_POLICIES.includes(restartPolicy)) errors.push(notSupported(path, restartPolicy, RESIZE_POLICIES))
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      errors.push(invalid(path, restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"))
    }
  }
}
