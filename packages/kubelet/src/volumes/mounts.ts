import { chmodSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { isAbsolute, join, sep } from 'node:path'
import type { Container, VolumeMount } from '@canopus/api/core/v1'
import { messageOf } from '@canopus/base'
import type { ImageSpec, Mount } from '@canopus/cri'
import { ContainerConfigError } from '../env/environment.ts'
import { expand } from '../env/expand.ts'

const PROPAGATION = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const

/**
 * What is mounted into a container, by the places of the pod's volumes; `readOnly` are those that nobody may write to, `images`
 * those that are images, which the runtime mounts. Throws `ContainerConfigError`.
 */
export function containerMounts(
  container: Container,
  volumes: ReadonlyMap<string, string>,
  environment: ReadonlyMap<string, string>,
  readOnly: ReadonlySet<string> = new Set(),
  images: ReadonlyMap<string, ImageSpec> = new Map(),
): Mount[] {
  return (container.volumeMounts ?? []).map(mount => {
    const image = images.get(mount.name)
    if (image !== undefined) return imageMount(mount, image, subPathOf(mount, environment))
    const volume = volumes.get(mount.name)
    if (volume === undefined)
      throw new ContainerConfigError(
        `cannot find volume ${JSON.stringify(mount.name)} to mount into container ${JSON.stringify(container.name)}`,
      )
    const subPath = subPathOf(mount, environment)
    return {
      ...placeOf(mount),
      hostPath: subPath === '' ? volume : resolveSubPath(volume, subPath, mount.name, container.name),
      readonly: (mount.readOnly ?? false) || readOnly.has(mount.name),
    }
  })
}

function placeOf(mount: VolumeMount): Pick<Mount, 'containerPath' | 'propagation' | 'recursiveReadOnly'> {
  return {
    containerPath: isAbsolute(mount.mountPath) ? mount.mountPath : join('/', mount.mountPath),
    propagation: PROPAGATION[(mount.mountPropagation ?? 'None') as keyof typeof PROPAGATION],
    recursiveReadOnly: mount.recursiveReadOnly === 'Enabled',
  }
}

/** Nobody writes to an image. */
const imageMount = (mount: VolumeMount, image: ImageSpec, imageSubPath: string): Mount => ({
  ...placeOf(mount),
  hostPath: '',
  readonly: true,
  image,
  imageSubPath,
})

function subPathOf(mount: VolumeMount, environment: ReadonlyMap<string, string>): string {
  let subPath = mount.subPath ?? ''
  if (mount.subPathExpr) {
    subPath = expand(mount.subPathExpr, name => {
      const value = environment.get(name)
      if (value === undefined) throw new ContainerConfigError(`missing value for ${JSON.stringify(name)}`)
      return value
    })
  }
  if (isAbsolute(subPath)) throw new ContainerConfigError(`error SubPath \`${subPath}\` must not be an absolute path`)
  if (subPath.split('/').includes('..'))
    throw new ContainerConfigError(`unable to provision SubPath \`${subPath}\`: must not contain '..'`)
  return subPath
}

/** The real place of a path below a volume; made as a directory where there is nothing. It must not lead out of the volume. */
function resolveSubPath(volume: string, subPath: string, volumeName: string, containerName: string): string {
  const root = realpathSync(volume)
  const full = join(root, subPath)
  try {
    if (statSync(full, { throwIfNoEntry: false }) === undefined) makeBelow(root, subPath)
    const real = realpathSync(full)
    if (real === root || real.startsWith(root + sep)) return real
  } catch (error) {
    const text = messageOf(error)
    throw new ContainerConfigError(
      `failed to create subPath directory for volumeMount ${JSON.stringify(volumeName)} of container ${JSON.stringify(containerName)}: ${text}`,
    )
  }
  throw new ContainerConfigError(
    `failed to prepare subPath for volumeMount ${JSON.stringify(volumeName)} of container ${JSON.stringify(containerName)}`,
  )
}

/** Makes the missing directories one by one; each has to lie within the volume, and has the volume's own mode. */
function makeBelow(root: string, subPath: string): void {
  const mode = statSync(root).mode & 0o7777
  let directory = root
  for (const part of subPath.split('/').filter(each => each !== '' && each !== '.')) {
    directory = join(directory, part)
    if (statSync(directory, { throwIfNoEntry: false }) === undefined) {
      mkdirSync(directory)
      chmodSync(directory, mode)
    }
    const real = realpathSync(directory)
    if (real !== root && !real.startsWith(root + sep)) throw new Error(`${subPath} leads out of the volume`)
    directory = real
  }
}
