/**
 * Init containers that end have nothing to be restarted for when they are resized. What has said so before may go on
 * (pkg/apis/core/validation, AllowExistingRestartContainerForNonSidecarInitContainer).
 */
import { type FieldError, invalid } from '@canopus/apimachinery'
import type { PodSpec } from '../generated/core.v1.ts'
import type { Kind } from '../kind.ts'
import { podSpecOf } from './pod-specs.ts'

const RESTART = 'RestartContainer'
const TEXT = "must not be set to 'RestartContainer' for non-sidecar initContainers"
const NONE: FieldError[] = []

/** The kind, whose pods' init containers are then looked at. */
export function withInitResizePolicies(kind: Kind): Kind {
  const place = podSpecOf(kind)
  if (place === undefined) return kind
  const { strategy } = kind
  const findings = (spec: PodSpec | undefined): FieldError[] => (spec === undefined ? NONE : find(spec, place.path))
  return {
    ...kind,
    strategy: {
      ...strategy,
      validate: object => joined(strategy.validate?.(object), findings(place.of(object))),
      validateUpdate(object, old) {
        const own = strategy.validateUpdate?.(object, old)
        return findings(place.of(old)).length > 0 ? (own ?? []) : joined(own, findings(place.of(object)))
      },
    },
  }
}

const joined = (errors: FieldError[] = [], more: FieldError[]): FieldError[] =>
  more.length === 0 ? errors : [...errors, ...more]

function find({ initContainers }: PodSpec, path: string): FieldError[] {
  if (initContainers === undefined) return NONE
  return initContainers.flatMap(({ restartPolicy, resizePolicy = [] }, index) =>
    restartPolicy === 'Always'
      ? []
      : resizePolicy.flatMap((policy, at) =>
          policy.restartPolicy === RESTART
            ? [invalid(`${path}.initContainers[${index}].resizePolicy[${at}].restartPolicy`, RESTART, TEXT)]
            : [],
        ),
  )
}
