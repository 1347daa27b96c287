/** Where kinds have the spec of a pod: their own, or that of a template. */
import type { KubeObject } from '@canopus/apimachinery'
import type { PodSpec, PodTemplateSpec } from '../generated/core.v1.ts'
import type { Kind } from '../kind.ts'

interface PodSpecPlace {
  readonly path: string
  of(object: KubeObject): PodSpec | undefined
}

type Open = KubeObject & {
  readonly spec?: PodSpec & { readonly template?: PodTemplateSpec; readonly jobTemplate?: Open }
  readonly template?: PodTemplateSpec
}

const ofTemplate: PodSpecPlace = { path: 'spec.template.spec', of: object => (object as Open).spec?.template?.spec }

const PLACES: Readonly<Record<string, PodSpecPlace>> = {
  '/pods': { path: 'spec', of: object => (object as Open).spec },
  '/podtemplates': { path: 'template.spec', of: object => (object as Open).template?.spec },
  '/replicationcontrollers': ofTemplate,
  'apps/daemonsets': ofTemplate,
  'apps/deployments': ofTemplate,
  'apps/replicasets': ofTemplate,
  'apps/statefulsets': ofTemplate,
  'batch/jobs': ofTemplate,
  'batch/cronjobs': {
    path: 'spec.jobTemplate.spec.template.spec',
    of: object => (object as Open).spec?.jobTemplate?.spec?.template?.spec,
  },
}

/** Undefined for kinds that have none. */
export const podSpecOf = ({ type }: Kind): PodSpecPlace | undefined => PLACES[`${type.group}/${type.plural}`]
