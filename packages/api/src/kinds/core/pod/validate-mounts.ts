import { forbidden, invalid, notFound, notSupported, required } from '@canopus/apimachinery'
import type { Container, EphemeralContainer, Volume, VolumeDevice, VolumeMount } from '../../../generated/core.v1.ts'
import { checkDescendingPath, type Errors } from '../../shared/check.ts'

/** Volumes without findings, by name: only those can be mounted. */
export type Volumes = ReadonlyMap<string, Volume>

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None']
const RECURSIVE = ['Disabled', 'Enabled', 'IfPossible']

export function checkMounts(
  errors: Errors,
  path: string,
  container: Container | EphemeralContainer,
  volumes: Volumes,
): void {
  const devices = container.volumeDevices ?? []
  const seen = new Set<string>()
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const at = `${path}[${index}]`
    const { name, mountPath } = mount
    if (!name) errors.push(required(`${at}.name`))
    const volume = volumes.get(name)
    if (volume === undefined) errors.push(notFound(`${at}.name`, name ?? ''))
    if (!mountPath) errors.push(required(`${at}.mountPath`))
    if (seen.has(mountPath)) errors.push(invalid(`${at}.mountPath`, mountPath, 'must be unique'))
    seen.add(mountPath)
    if (devices.some(device => device.name === name)) {
      errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeDevices'))
    }
    if (devices.some(device => device.devicePath === mountPath)) {
      errors.push(invalid(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'))
    }
    checkSubPaths(errors, path, mount)
    if (mount.mountPropagation !== undefined) checkPropagation(errors, path, mount.mountPropagation, container)
    if (mount.recursiveReadOnly !== undefined) checkRecursive(errors, `${path}.recursiveReadOnly`, mount)
  }
}

/** Upstream names the list, not its entry, in these findings. */
function checkSubPaths(errors: Errors, path: string, { subPath, subPathExpr }: VolumeMount): void {
  if (subPath) checkDescendingPath(errors, `${path}.subPath`, subPath)
  if (!subPathExpr) return
  if (subPath) {
    errors.push(invalid(`${path}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'))
  }
  checkDescendingPath(errors, `${path}.subPathExpr`, subPathExpr)
}

function checkPropagation(
  errors: Errors,
  path: string,
  propagation: string,
  container: Container | EphemeralContainer,
): void {
  const field = `${path}.mountPropagation`
  if (!PROPAGATIONS.includes(propagation)) errors.push(notSupported(field, propagation, PROPAGATIONS))
  if (propagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
    errors.push(forbidden(field, 'Bidirectional mount propagation is available only to privileged containers'))
  }
}

function checkRecursive(errors: Errors, field: string, mount: VolumeMount): void {
  const policy = mount.recursiveReadOnly!
  if (policy !== 'Disabled' && RECURSIVE.includes(policy)) {
    if (!mount.readOnly) errors.push(forbidden(field, 'may only be specified when readOnly is true'))
    if (mount.mountPropagation !== undefined && mount.mountPropagation !== 'None') {
      errors.push(forbidden(field, 'may only be specified when mountPropagation is None or not specified'))
    }
  }
  if (!RECURSIVE.includes(policy)) errors.push(notSupported(field, policy, RECURSIVE))
}

export function checkDevices(
  errors: Errors,
  path: string,
  devices: readonly VolumeDevice[],
  mounts: readonly VolumeMount[],
  volumes: Volumes,
): void {
  const names = new Set<string>()
  const paths = new Set<string>()
  for (const [index, { name, devicePath }] of devices.entries()) {
    const at = `${path}[${index}]`
    const volume = volumes.get(name)
    if (!name) errors.push(required(`${at}.name`))
    if (names.has(name)) errors.push(invalid(`${at}.name`, name, 'must be unique'))
    if (volume === undefined) errors.push(notFound(`${at}.name`, name ?? ''))
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      const text = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'
      errors.push(invalid(`${at}.name`, name, text))
    }
    if (!devicePath) errors.push(required(`${at}.devicePath`))
    if (paths.has(devicePath)) errors.push(invalid(`${at}.devicePath`, devicePath, 'must be unique'))
    if (devicePath?.split('/').includes('..')) {
      errors.push(invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"))
    } else paths.add(devicePath)
    if (mounts.some(mount => mount.name === name)) {
      errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeMounts'))
    }
    if (mounts.some(mount => mount.mountPath === devicePath)) {
      errors.push(invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'))
    }
    if (name) names.add(name)
  }
}
