/** Containers of all three sorts (validation.go: validateContainers, validateInitContainers, validateEphemeralContainers). */
import {
  checkDns1123Label,
  checkPortName,
  checkPortNumber,
  duplicate,
  forbidden,
  givenField,
  invalid,
  isFeatureOn,
  notFound,
  notSupported,
  required,
} from '@canopus/apimachinery'
import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  PodSpec,
  ResourceRequirements,
} from '../../../generated/core.v1.ts'
import { checkChoice, checkNumber, checkText, type Errors } from '../../shared/check.ts'
import { checkEnv, checkEnvFrom } from './validate-env.ts'
import { checkDevices, checkMounts, type Volumes } from './validate-mounts.ts'
import { checkLifecycle, checkProbes } from './validate-probe.ts'
import { checkResizePolicies, checkResources } from './validate-resources.ts'
import { checkSecurityContext } from './validate-security.ts'

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never']
const MESSAGE_POLICIES = ['File', 'FallbackToLogsOnError']
export const PROTOCOLS = ['SCTP', 'TCP', 'UDP']

/** What containers are checked against. */
export interface ContainerScope {
  spec: PodSpec
  volumes: Volumes
  claimNames: ReadonlySet<string>
  /** A real pod, not the template of one. */
  isPod: boolean
}

type AnyContainer = Container | EphemeralContainer

function checkCommon(errors: Errors, path: string, container: AnyContainer, scope: ContainerScope): void {
  if (!container.name) errors.push(required(`${path}.name`))
  else checkText(errors, `${path}.name`, container.name, checkDns1123Label)
  const { image } = container
  if (!image) errors.push(required(`${path}.image`))
  else if (scope.isPod && image.trim() !== image) {
    errors.push(invalid(`${path}.image`, image, 'must not have leading or trailing whitespace'))
  }
  checkChoice(errors, `${path}.terminationMessagePolicy`, container.terminationMessagePolicy, MESSAGE_POLICIES)
  if (container.ports) checkPorts(errors, `${path}.ports`, container.ports)
  if (container.env) checkEnv(errors, `${path}.env`, container.env)
  if (container.envFrom) checkEnvFrom(errors, `${path}.envFrom`, container.envFrom)
  if (container.volumeMounts) checkMounts(errors, `${path}.volumeMounts`, container, scope.volumes)
  if (container.volumeDevices) {
    const mounts = container.volumeMounts ?? []
    checkDevices(errors, `${path}.volumeDevices`, container.volumeDevices, mounts, scope.volumes)
  }
  checkChoice(errors, `${path}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES)
  if (container.resources) checkResources(errors, `${path}.resources`, container.resources, scope.claimNames)
  if (container.resizePolicy) {
    checkResizePolicies(errors, `${path}.resizePolicy`, container.resizePolicy, scope.spec.restartPolicy)
  }
  if (container.securityContext) {
    const hostUsers = scope.spec.hostUsers !== false
    checkSecurityContext(errors, `${path}.securityContext`, container.securityContext, hostUsers)
  }
}

function checkPorts(errors: Errors, path: string, ports: readonly ContainerPort[]): void {
  const names = new Set<string>()
  for (let i = 0; i < ports.length; i++) {
    const { name, containerPort, hostPort, protocol } = ports[i]!
    const at = `${path}[${i}]`
    if (name) {
      const messages = checkPortName(name)
      for (const message of messages) errors.push(invalid(`${at}.name`, name, message))
      if (messages.length === 0 && names.has(name)) errors.push(duplicate(`${at}.name`, name))
      names.add(name)
    }
    if (!containerPort) errors.push(required(`${at}.containerPort`))
    else checkNumber(errors, `${at}.containerPort`, containerPort, checkPortNumber)
    if (hostPort) checkNumber(errors, `${at}.hostPort`, hostPort, checkPortNumber)
    if (!protocol) errors.push(required(`${at}.protocol`))
    else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, PROTOCOLS))
  }
}

/** No two containers may want the same port of the host. */
function checkHostPorts(errors: Errors, path: string, containers: readonly Container[]): void {
  const seen = new Set<string>()
  for (const [index, { ports = [] }] of containers.entries()) {
    for (const [j, { hostPort, protocol, hostIP }] of ports.entries()) {
      if (!hostPort) continue
      const key = `${protocol}/${hostIP ?? ''}/${hostPort}`
      if (seen.has(key)) errors.push(duplicate(`${path}[${index}].ports[${j}].hostPort`, key))
      seen.add(key)
    }
  }
}

export function checkContainers(errors: Errors, path: string, scope: ContainerScope): void {
  const containers = scope.spec.containers ?? []
  if (containers.length === 0) {
    errors.push(required(path))
    return
  }
  const gracePeriod = scope.spec.terminationGracePeriodSeconds
  const names = new Set<string>()
  for (let i = 0; i < containers.length; i++) {
    const container = containers[i]!
    const at = `${path}[${i}]`
    checkCommon(errors, at, container, scope)
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name))
    names.add(container.name)
    if (container.lifecycle)
      checkLifecycle(errors, `${at}.lifecycle`, container.lifecycle, gracePeriod, scope.spec.os?.name)
    checkProbes(errors, at, container, gracePeriod)
    checkRestart(errors, at, container)
  }
  checkHostPorts(errors, path, containers)
}

const RESTART_POLICIES = ['Always', 'Never', 'OnFailure']
const MAX_RULES = 20
const MAX_EXIT_CODES = 255

/** Of those that start before the others: rules without a policy are not looked at. */
function checkInitRestart(errors: Errors, path: string, container: Container): void {
  if (container.restartPolicy !== undefined) checkRestart(errors, path, container)
  else if ((container.restartPolicyRules ?? []).length > 0) {
    errors.push(required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used'))
  }
}

/** A container's own restart policy and rules (KEP-5307). */
function checkRestart(errors: Errors, path: string, { restartPolicy, restartPolicyRules }: Container): void {
  if (restartPolicy !== undefined && !RESTART_POLICIES.includes(restartPolicy)) {
    errors.push(notSupported(`${path}.restartPolicy`, restartPolicy, RESTART_POLICIES))
  }
  if (restartPolicyRules === undefined) return
  const field = `${path}.restartPolicyRules`
  if (restartPolicy === undefined) {
    errors.push(required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used'))
  }
  if (restartPolicyRules.length > MAX_RULES) {
    const body = `Too many: ${restartPolicyRules.length}: must have at most ${MAX_RULES} items`
    errors.push({ type: 'FieldValueTooMany', field, body })
  }
  for (const [index, { action, exitCodes }] of restartPolicyRules.entries()) {
    const at = `${field}[${index}]`
    const actions = isFeatureOn('RestartAllContainersOnContainerExits')
      ? ['Restart', 'RestartAllContainers']
      : ['Restart']
    if (!actions.includes(action ?? '')) {
      errors.push(notSupported(`${at}.action`, action ?? '', actions))
    }
    if (exitCodes === undefined) {
      errors.push(required(`${at}.exitCodes`, 'must be specified'))
      continue
    }
    if (exitCodes.operator !== 'In' && exitCodes.operator !== 'NotIn') {
      errors.push(notSupported(`${at}.exitCodes.operator`, exitCodes.operator ?? '', ['In', 'NotIn']))
    }
    const codes = exitCodes.values?.length ?? 0
    if (codes > MAX_EXIT_CODES) {
      const body = `Too many: ${codes}: must have at most ${MAX_EXIT_CODES} items`
      errors.push({ type: 'FieldValueTooMany', field: `${at}.exitCodes.values`, body })
    }
  }
}

const NOT_FOR_INIT = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const

export function checkInitContainers(errors: Errors, path: string, scope: ContainerScope): void {
  const gracePeriod = scope.spec.terminationGracePeriodSeconds
  const names = new Set((scope.spec.containers ?? []).map(container => container.name))
  for (const [index, container] of (scope.spec.initContainers ?? []).entries()) {
    const at = `${path}[${index}]`
    checkCommon(errors, at, container, scope)
    checkInitRestart(errors, at, container)
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name))
    if (container.name) names.add(container.name)
    checkHostPorts(errors, path, [container])
    if (container.restartPolicy === 'Always') {
      if (container.lifecycle)
        checkLifecycle(errors, `${at}.lifecycle`, container.lifecycle, gracePeriod, scope.spec.os?.name)
      checkProbes(errors, at, container, gracePeriod)
      continue
    }
    for (const field of NOT_FOR_INIT) {
      if (!container[field]) continue
      errors.push(forbidden(`${at}.${field}`, 'may not be set for init containers without restartPolicy=Always'))
    }
  }
}

const NOT_FOR_EPHEMERAL = [
  'ports',
  'resources',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
] as const

function hasAny(resources: ResourceRequirements = {}): boolean {
  return (['limits', 'requests', 'claims'] as const).some(name => givenField(resources, name) !== undefined)
}

export function checkEphemeralContainers(errors: Errors, path: string, scope: ContainerScope): void {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = scope.spec
  const others = new Set([...containers, ...initContainers].map(container => container.name))
  const names = new Set(others)
  for (const [index, container] of ephemeralContainers.entries()) {
    const at = `${path}[${index}]`
    checkCommon(errors, at, container, { ...scope, isPod: true })
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name))
    names.add(container.name)
    const target = container.targetContainerName
    if (target && !others.has(target)) errors.push(notFound(`${at}.targetContainerName`, target))
    const text = 'cannot be set for an Ephemeral Container'
    for (const field of NOT_FOR_EPHEMERAL) {
      const value = givenField(container, field)
      // Resources are no pointer: those without anything in them are there always.
      const isSet = value !== undefined && (field !== 'resources' || hasAny(container.resources))
      if (isSet) errors.push(forbidden(`${at}.${field}`, text))
    }
    for (const [j, { subPath, subPathExpr }] of (container.volumeMounts ?? []).entries()) {
      if (subPath) errors.push(forbidden(`${at}.volumeMounts[${j}].subPath`, text))
      if (subPathExpr) errors.push(forbidden(`${at}.volumeMounts[${j}].subPathExpr`, text))
    }
  }
}
