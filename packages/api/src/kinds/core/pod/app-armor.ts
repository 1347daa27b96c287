/** AppArmor profiles, which pods once named in annotations (KEP-24; pkg/registry/core/pod/strategy.go, pkg/api/pod/util.go). */
import { semanticEqual } from '@canopus/apimachinery'
import type { AppArmorProfile, Pod } from '../../../generated/core.v1.ts'
import type { Errors } from '../../shared/check.ts'
import { checkAppArmor } from './validate-security.ts'

/** Before the name of the container whose profile the annotation gives. */
export const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/'
export const USE_APPARMOR_FIELD = 'deprecated since v1.30; use the "appArmorProfile" field instead'
const LOCALHOST = 'localhost/'

/** What the annotation's value is as a field; nothing where it is none that a field could have. */
export function profileOfAnnotation(said: string): AppArmorProfile | undefined {
  if (said === 'unconfined') return { type: 'Unconfined' }
  if (said === 'runtime/default') return { type: 'RuntimeDefault' }
  if (!said.startsWith(LOCALHOST) || said === LOCALHOST) return undefined
  return { type: 'Localhost', localhostProfile: said.slice(LOCALHOST.length) }
}

/**
 * Makes fields of the annotations of a new pod, where its containers have none. `warn` is told of each annotation that no field
 * stood for.
 */
export function syncAppArmor({ metadata, spec }: Pod, warn: (text: string) => void): void {
  const { annotations } = metadata
  if (annotations === undefined || spec.os?.name === 'windows') return
  const ofPod = spec.securityContext?.appArmorProfile
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const container of spec[list] ?? []) {
      const key = APPARMOR_ANNOTATION + container.name
      const said = annotations[key]
      if (said === undefined || container.securityContext?.appArmorProfile) continue
      const profile = validProfile(said)
      if (profile !== undefined && semanticEqual(profile, ofPod)) continue
      if (profile !== undefined) container.securityContext = { ...container.securityContext, appArmorProfile: profile }
      warn(`metadata.annotations[${key}]: ${USE_APPARMOR_FIELD}`)
    }
  }
}

function validProfile(said: string): AppArmorProfile | undefined {
  const profile = profileOfAnnotation(said)
  const errors: Errors = []
  if (profile !== undefined) checkAppArmor(errors, '', profile)
  return errors.length === 0 ? profile : undefined
}
