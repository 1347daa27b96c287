import type { KubeObject } from '@canopus/apimachinery'
import type { PodTemplateSpec } from '../../generated/core.v1.ts'
import { podTemplateWarnings } from '../core/pod/warnings.ts'
import { hostNameWarnings } from '../shared/warnings.ts'

interface Options {
  /** Whether pods are called after the workload, so that its name should be a host name. */
  namesPods?: boolean
}

/** Warnings of a workload about its template at `path`, when it is new and whenever its spec changes. */
export function templateWarnings<T extends KubeObject>(
  path: string,
  templateOf: (object: T) => PodTemplateSpec | undefined,
  { namesPods = false }: Options = {},
): (object: T, old: T | undefined) => string[] {
  return (object, old) => {
    if (old !== undefined && object.metadata.generation === old.metadata.generation) return []
    const named = old === undefined && namesPods
    const names = named ? hostNameWarnings(object.metadata.name, 'Pod names and hostnames') : []
    return [...names, ...podTemplateWarnings(path, templateOf(object))]
  }
}
