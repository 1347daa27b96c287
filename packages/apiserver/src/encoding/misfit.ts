import type { Kind } from '@canopus/api'
import { StatusError } from '@canopus/apimachinery'
import { JsonEncoder } from './encoder.ts'
import type { Transform } from './negotiate.ts'

/**
 * Stands for a form that only lists have, where one object answers, or the other way round. Upstream finds out with the answer in its
 * hands, when what was asked for has been done (endpoints/handlers/response.go, asPartialObjectMetadata).
 */
export class MisfitEncoder extends JsonEncoder {
  readonly #as: Transform

  constructor(kind: Kind, as: Transform) {
    super(kind, `misfit ${as}`)
    this.#as = as
  }

  override one(): never {
    throw this.misfit('not a list', '')
  }

  override answer(): never {
    return this.one()
  }

  override list(): never {
    throw this.misfit('a list', 'List')
  }

  private misfit(what: string, suffix: string): StatusError {
    const message = `you requested ${this.#as}, but the requested object is ${what} (*${goTypeOf(this.kind)}${suffix})`
    return new StatusError({ code: 406, reason: 'NotAcceptable', message })
  }
}

/** Upstream's internal type of the kind. */
function goTypeOf({ custom, message, type }: Kind): string {
  if (custom !== undefined) return 'unstructured.Unstructured'
  const [group] = message.split('.')
  return `${group === 'events' ? 'core' : group}.${type.kind}`
}
