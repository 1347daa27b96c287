import type { KubeObject } from '@canopus/apimachinery'
import { semanticEqual } from '@canopus/apimachinery'
import type { PodTemplateSpec } from '../../generated/core.v1.ts'
import { podSpecWarnings } from '../core/pod/warnings.ts'

/** Warnings of a workload about its template at `path`, where that is new or changed. */
export function templateWarnings<T extends KubeObject>(
  path: string,
  templateOf: (object: T) => PodTemplateSpec | undefined,
): (object: T, old: T | undefined) => string[] {
  return (object, old) => {
    const template = templateOf(object)
    if (old !== undefined && semanticEqual(template, templateOf(old))) return []
    return podSpecWarnings(`${path}.spec`, template?.spec)
  }
}
