import type { FieldError, KubeObject } from '@canopus/apimachinery'
import type { Kind } from '../../kind.ts'

/** What a server checks of an object beyond the kind's own strategy, which knows neither expressions nor schemas. */
export interface ExtraChecks {
  /** Of a new object. */
  readonly create: (object: KubeObject) => readonly FieldError[]
  /** Of an object that takes the place of `old`. */
  readonly update: (object: KubeObject, old: KubeObject) => readonly FieldError[]
}

/** The kind, whose objects are checked by these too, after its own validation. */
export function withExtraChecks(kind: Kind, { create, update }: ExtraChecks): Kind {
  const { strategy } = kind
  return {
    ...kind,
    strategy: {
      ...strategy,
      validate: object => [...(strategy.validate?.(object) ?? []), ...create(object)],
      validateUpdate: (object, old) => [...(strategy.validateUpdate?.(object, old) ?? []), ...update(object, old)],
    },
  }
}
