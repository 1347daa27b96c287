/** Workloads of the group apps (pkg/apis/apps/validation/validation.go). */
import {
  checkDns1123Label,
  type FieldError,
  forbidden,
  invalid,
  type LabelSelector,
  notSupported,
  required,
} from '@canopus/apimachinery'
import type {
  ControllerRevision,
  DaemonSet,
  DaemonSetUpdateStrategy,
  Deployment,
  DeploymentStrategy,
  ReplicaSet,
  StatefulSet,
  StatefulSetSpec,
} from '../../generated/apps.v1.ts'
import type { PodTemplateSpec } from '../../generated/core.v1.ts'
import { goJson } from '../../go-json.ts'
import { checkClaimTemplateSpec } from '../core/claim-validation.ts'
import { checkImmutable, checkNonNegative, checkOptionalChoice, checkText, type Errors, push } from '../shared/check.ts'
import { sameAs } from '../shared/equality.ts'
import {
  checkCounts,
  checkIntOrPercent,
  checkNotMoreThanAll,
  checkSelectorAndTemplate,
  isZero,
} from './template-validation.ts'

export function validateDeployment({ spec }: Deployment): FieldError[] {
  const errors: Errors = []
  checkNonNegative(errors, 'spec.replicas', spec.replicas)
  checkSelectorAndTemplate(errors, spec.selector, spec.template, 'deployment', 'ReplicaSet')
  checkDeploymentStrategy(errors, spec.strategy ?? {})
  checkNonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds)
  checkNonNegative(errors, 'spec.revisionHistoryLimit', spec.revisionHistoryLimit)
  const deadline = spec.progressDeadlineSeconds
  checkNonNegative(errors, 'spec.progressDeadlineSeconds', deadline)
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'))
  }
  return errors
}

function checkDeploymentStrategy(errors: Errors, strategy: DeploymentStrategy): void {
  const path = 'spec.strategy.rollingUpdate'
  const rolling = strategy.rollingUpdate
  if (strategy.type === 'Recreate') {
    if (rolling) errors.push(forbidden(path, "may not be specified when strategy `type` is 'Recreate'"))
  } else if (strategy.type !== 'RollingUpdate') {
    errors.push(
      notSupported('spec.strategy', goJson('apps.v1.DeploymentStrategy', strategy), ['Recreate', 'RollingUpdate']),
    )
  } else if (!rolling) errors.push(required(path, 'this should be defaulted and never be nil'))
  else {
    checkIntOrPercent(errors, `${path}.maxUnavailable`, rolling.maxUnavailable)
    checkIntOrPercent(errors, `${path}.maxSurge`, rolling.maxSurge)
    if (isZero(rolling.maxUnavailable) && isZero(rolling.maxSurge)) {
      errors.push(invalid(`${path}.maxUnavailable`, rolling.maxUnavailable, 'may not be 0 when `maxSurge` is 0'))
    }
    checkNotMoreThanAll(errors, `${path}.maxUnavailable`, rolling.maxUnavailable)
  }
}

export function validateDeploymentUpdate(object: Deployment, old: Deployment): FieldError[] {
  const errors = validateDeployment(object)
  checkSameSelector(errors, object.spec, old.spec)
  return errors
}

interface Selecting {
  selector?: LabelSelector
}

function checkSameSelector(errors: Errors, { selector }: Selecting, old: Selecting): void {
  checkImmutable(errors, 'spec.selector', selector, old.selector, 'am.apis.meta.v1.LabelSelector')
}

const DEPLOYMENT_COUNTS = [
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
] as const

export function validateDeploymentStatusUpdate({ status }: Deployment, old: Deployment): FieldError[] {
  const errors: Errors = []
  checkCounts(errors, status, DEPLOYMENT_COUNTS)
  checkCollisions(errors, status?.collisionCount, old.status?.collisionCount)
  return errors
}

function checkCollisions(errors: Errors, count: number | undefined, old: number | undefined): void {
  if (old === undefined) return
  if (count === undefined || count < old) {
    errors.push(invalid('status.collisionCount', count ?? 0, 'cannot be decremented'))
  }
}

export function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  const errors: Errors = []
  checkNonNegative(errors, 'spec.replicas', spec.replicas)
  checkNonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds)
  checkSelectorAndTemplate(errors, spec.selector, spec.template, 'deployment', 'ReplicaSet')
  return errors
}

export function validateReplicaSetUpdate(object: ReplicaSet, old: ReplicaSet): FieldError[] {
  const errors = validateReplicaSet(object)
  checkSameSelector(errors, object.spec, old.spec)
  return errors
}

export function validateReplicaSetStatusUpdate({ status }: ReplicaSet): FieldError[] {
  const errors: Errors = []
  checkCounts(errors, status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'terminatingReplicas'])
  return errors
}

export function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  const errors: Errors = []
  checkStatefulSet(errors, spec, true)
  return errors
}

/** What can still be changed; the rest, once stored, is let be. */
function checkStatefulSet(errors: Errors, spec: StatefulSetSpec, isNew = false): void {
  const management = spec.podManagementPolicy
  if (!management) errors.push(required('spec.podManagementPolicy'))
  else if (management !== 'OrderedReady' && management !== 'Parallel') {
    errors.push(invalid('spec.podManagementPolicy', management, "must be 'OrderedReady' or 'Parallel'"))
  }
  checkStatefulSetStrategy(errors, spec)
  const retention = spec.persistentVolumeClaimRetentionPolicy
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const path = `spec.persistentVolumeClaimRetentionPolicy.${field}`
    checkOptionalChoice(errors, path, retention?.[field], ['Retain', 'Delete'])
  }
  for (const [index, claim] of (isNew ? (spec.volumeClaimTemplates ?? []) : []).entries()) {
    checkClaimTemplateSpec(errors, `spec.volumeClaimTemplates[${index}].spec`, claim.spec)
  }
  checkNonNegative(errors, 'spec.replicas', spec.replicas)
  checkNonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds)
  checkNonNegative(errors, 'spec.ordinals.start', spec.ordinals?.start)
  if (isNew && spec.serviceName) checkText(errors, 'spec.serviceName', spec.serviceName, checkDns1123Label)
  checkSelectorAndTemplate(errors, spec.selector, asPodsGetIt(spec), 'statefulset', 'StatefulSet')
}

/** The template as the controller completes it: names of its own, and a volume for every claim. */
function asPodsGetIt({ template, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec | undefined {
  if (template?.spec === undefined) return template
  const { hostname: _hostname, subdomain: _subdomain, volumes = [], ...spec } = template.spec
  const names = new Set(volumeClaimTemplates.map(({ metadata: { name } }) => name ?? ''))
  const claims = [...names].map(name => ({ name, persistentVolumeClaim: { claimName: name } }))
  const others = volumes.filter(volume => !claims.some(claim => claim.name === volume.name))
  if (claims.length + others.length === 0) return { ...template, spec }
  return { ...template, spec: { ...spec, volumes: [...claims, ...others] } }
}

function checkStatefulSetStrategy(errors: Errors, { updateStrategy: strategy = {} }: StatefulSetSpec): void {
  const rolling = strategy.rollingUpdate
  const path = 'spec.updateStrategy.rollingUpdate'
  if (!strategy.type) errors.push(required('spec.updateStrategy'))
  else if (strategy.type === 'OnDelete') {
    if (!rolling) return
    const shown = goJson('apps.v1.RollingUpdateStatefulSetStrategy', rolling)
    errors.push(invalid(path, shown, "only allowed for updateStrategy 'RollingUpdate'"))
  } else if (strategy.type !== 'RollingUpdate') {
    const shown = goJson('apps.v1.StatefulSetUpdateStrategy', strategy)
    errors.push(invalid('spec.updateStrategy', shown, "must be 'RollingUpdate' or 'OnDelete'"))
  } else {
    checkNonNegative(errors, `${path}.partition`, rolling?.partition)
    if (rolling?.maxUnavailable === undefined) return
    checkIntOrPercent(errors, `${path}.maxUnavailable`, rolling.maxUnavailable)
    if (isZero(rolling.maxUnavailable)) {
      errors.push(invalid(`${path}.maxUnavailable`, rolling.maxUnavailable, 'cannot be 0'))
    }
    checkNotMoreThanAll(errors, `${path}.maxUnavailable`, rolling.maxUnavailable)
  }
}

const STATEFULSET_FIXED =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

export function validateStatefulSetUpdate(object: StatefulSet, old: StatefulSet): FieldError[] {
  const errors: Errors = []
  checkStatefulSet(errors, object.spec)
  const { replicas, ordinals, template, updateStrategy, minReadySeconds } = object.spec
  const { revisionHistoryLimit, persistentVolumeClaimRetentionPolicy } = object.spec
  const munged = {
    ...old.spec,
    replicas,
    ordinals,
    template,
    updateStrategy,
    minReadySeconds,
    revisionHistoryLimit,
    persistentVolumeClaimRetentionPolicy,
  }
  if (!sameAs('apps.v1.StatefulSetSpec', munged, object.spec)) errors.push(forbidden('spec', STATEFULSET_FIXED))
  return errors
}

const STATEFULSET_COUNTS = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const

export function validateStatefulSetStatusUpdate({ status }: StatefulSet, old: StatefulSet): FieldError[] {
  const errors: Errors = []
  checkCounts(errors, status, STATEFULSET_COUNTS, 'status.readyReplicas')
  checkCollisions(errors, status?.collisionCount, old.status?.collisionCount)
  return errors
}

export function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  const errors: Errors = []
  checkSelectorAndTemplate(errors, spec.selector, spec.template, 'daemonset', 'DaemonSet')
  checkNonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds)
  checkDaemonSetStrategy(errors, spec.updateStrategy ?? {})
  checkNonNegative(errors, 'spec.revisionHistoryLimit', spec.revisionHistoryLimit)
  return errors
}

function checkDaemonSetStrategy(errors: Errors, strategy: DaemonSetUpdateStrategy): void {
  if (strategy.type === 'OnDelete') return
  const path = 'spec.updateStrategy.rollingUpdate'
  const rolling = strategy.rollingUpdate
  if (strategy.type !== 'RollingUpdate') {
    const shown = goJson('apps.v1.DaemonSetUpdateStrategy', strategy)
    errors.push(notSupported('spec.updateStrategy', shown, ['RollingUpdate', 'OnDelete']))
  } else if (!rolling) errors.push(required(path))
  else {
    checkIntOrPercent(errors, `${path}.maxUnavailable`, rolling.maxUnavailable)
    checkIntOrPercent(errors, `${path}.maxSurge`, rolling.maxSurge)
    checkNotMoreThanAll(errors, `${path}.maxUnavailable`, rolling.maxUnavailable)
    checkNotMoreThanAll(errors, `${path}.maxSurge`, rolling.maxSurge)
    const stops = !isZero(rolling.maxUnavailable)
    const adds = !isZero(rolling.maxSurge)
    if (!stops && !adds) errors.push(required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
    if (stops && adds) {
      errors.push(invalid(`${path}.maxSurge`, rolling.maxSurge, 'may not be set when maxUnavailable is non-zero'))
    }
  }
}

export function validateDaemonSetUpdate(object: DaemonSet, old: DaemonSet): FieldError[] {
  const errors: Errors = []
  checkSameSelector(errors, object.spec, old.spec)
  push(errors, validateDaemonSet(object))
  return errors
}

const DAEMON_COUNTS = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const

export function validateDaemonSetStatusUpdate({ status }: DaemonSet, old: DaemonSet): FieldError[] {
  const errors: Errors = []
  for (const field of DAEMON_COUNTS) checkNonNegative(errors, `status.${field}`, status?.[field])
  checkCollisions(errors, status?.collisionCount, old.status?.collisionCount)
  return errors
}

export function validateControllerRevision(object: ControllerRevision): FieldError[] {
  const errors: Errors = []
  checkNonNegative(errors, 'revision', object.revision)
  const { data } = object
  if (data === undefined || data === null) errors.push(required('data', 'data is mandatory'))
  else if (typeof data !== 'object' || Array.isArray(data)) {
    errors.push(required('data', 'data must be a valid JSON object'))
  }
  return errors
}

export function validateControllerRevisionUpdate(object: ControllerRevision, old: ControllerRevision): FieldError[] {
  const errors: Errors = []
  checkNonNegative(errors, 'revision', object.revision)
  checkImmutable(errors, 'data', object.data, old.data)
  return errors
}
