/** The admission policies of one sort with their bindings, in the order in which they are asked (plugin/policy/generic/policy_source.go). */
import type { MatchResources, ParamKind, ParamRef } from '@canopus/api/admissionregistration/v1'
import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import type { ObjectReader } from '../../security.ts'
import { type MatchCriteria, policyCriteria } from '../matching/criteria.ts'

/** What both sorts of policies have. */
export type AnyPolicy = KubeObject & {
  readonly spec: {
    readonly failurePolicy?: string
    readonly paramKind?: ParamKind
    readonly matchConstraints?: MatchResources
  }
}

export type AnyBinding = KubeObject & {
  readonly spec: {
    readonly policyName?: string
    readonly paramRef?: ParamRef
    readonly matchResources?: MatchResources
  }
}

export interface BoundPolicy<P, B, C> {
  readonly policy: P
  readonly compiled: C
  readonly criteria: MatchCriteria
  readonly bindings: readonly { readonly binding: B; readonly criteria: MatchCriteria | undefined }[]
}

/** Follows policies and bindings. A policy without a binding asks nothing of anybody, and costs nothing. */
export class PolicySource<P extends AnyPolicy, B extends AnyBinding, C> {
  readonly #policies = new Map<string, P>()
  readonly #bindings = new Map<string, B>()
  readonly #compile: (policy: P) => C
  readonly #compiled = new WeakMap<P, C>()
  #bound: readonly BoundPolicy<P, B, C>[] | undefined

  constructor(
    types: { policies: ResourceType<P>; bindings: ResourceType<B> },
    objects: ObjectReader,
    compile: (policy: P) => C,
  ) {
    this.#compile = compile
    this.#follow(objects, types.policies, this.#policies)
    this.#follow(objects, types.bindings, this.#bindings)
  }

  get isEmpty(): boolean {
    return this.#bindings.size === 0 || this.#policies.size === 0
  }

  /** By name of the policy, then of the binding. */
  get bound(): readonly BoundPolicy<P, B, C>[] {
    this.#bound ??= this.#bind()
    return this.#bound
  }

  #bind(): readonly BoundPolicy<P, B, C>[] {
    const bindings = byName(this.#bindings)
    return byName(this.#policies).flatMap(policy => {
      const own = bindings.filter(({ spec }) => spec.policyName === policy.metadata.name)
      if (own.length === 0) return []
      return [
        {
          policy,
          compiled: this.#compiledOf(policy),
          criteria: policyCriteria(policy.spec.matchConstraints),
          bindings: own.map(binding => ({
            binding,
            criteria: binding.spec.matchResources && policyCriteria(binding.spec.matchResources),
          })),
        },
      ]
    })
  }

  #compiledOf(policy: P): C {
    let compiled = this.#compiled.get(policy)
    if (compiled === undefined) {
      compiled = this.#compile(policy)
      this.#compiled.set(policy, compiled)
    }
    return compiled
  }

  #follow<T extends KubeObject>(objects: ObjectReader, type: ResourceType<T>, into: Map<string, T>): void {
    objects.onChange(type, ({ type: change, object }) => {
      if (change === 'deleted') into.delete(object.metadata.name)
      else into.set(object.metadata.name, object)
      this.#bound = undefined
    })
  }
}

const byName = <T>(objects: ReadonlyMap<string, T>): T[] =>
  [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
