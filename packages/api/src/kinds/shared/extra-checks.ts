import { type FieldError, IMMUTABLE_MESSAGE, type KubeObject } from '@canopus/apimachinery'
import type { Kind } from '../../kind.ts'

/** What a server checks of an object beyond the kind's own strategy, which knows neither expressions nor schemas. */
export interface ExtraChecks {
  /** Of a new object. */
  readonly create: (object: KubeObject) => readonly FieldError[]
  /** Of an object that takes the place of `old`. */
  readonly update: (object: KubeObject, old: KubeObject) => readonly FieldError[]
}

/** The kind, whose objects are checked by these too, after its own validation; before it is said that all of the spec stays. */
export function withExtraChecks(kind: Kind, { create, update }: ExtraChecks): Kind {
  const { strategy } = kind
  const updated = (object: KubeObject, old: KubeObject): FieldError[] => {
    const found = strategy.validateUpdate?.(object, old) ?? []
    const fixed = found.findIndex(({ field, body }) => field === 'spec' && body.endsWith(IMMUTABLE_MESSAGE))
    return found.toSpliced(fixed < 0 ? found.length : fixed, 0, ...update(object, old))
  }
  return {
    ...kind,
    strategy: {
      ...strategy,
      validate: object => [...(strategy.validate?.(object) ?? []), ...create(object)],
      validateUpdate: updated,
    },
  }
}
