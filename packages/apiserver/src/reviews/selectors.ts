/** The selectors of access reviews (pkg/registry/authorization/util/helpers.go). */
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  ResourceAttributes,
} from '@canopus/api/authorization/v1'
import {
  type FieldRequirement,
  formatFieldSelector,
  formatSelector,
  labelSelector,
  parseFieldSelector,
  parseLabelSelector,
  type Requirement,
} from '@canopus/apimachinery'

export interface AskedSelectors {
  readonly fieldSelector?: string
  readonly labelSelector?: string
  /** What was left out of them, as reviews tell. */
  readonly problems: readonly string[]
}

interface Understood<T> {
  readonly requirements: readonly T[]
  readonly isWhole: boolean
}

/** What is not understood is left out: that asks for more, never for less. */
export function askedSelectors(asked: ResourceAttributes | undefined): AskedSelectors {
  const fields = understood(fieldsOf, asked?.fieldSelector)
  const labels = understood(labelsOf, asked?.labelSelector)
  return {
    ...(fields.requirements.length > 0 && { fieldSelector: formatFieldSelector(fields.requirements) }),
    ...(labels.requirements.length > 0 && { labelSelector: formatSelector(labels.requirements) }),
    problems: [...problemOf('fieldSelector', fields), ...problemOf('labelSelector', labels)],
  }
}

function problemOf(name: string, { requirements, isWhole }: Understood<unknown>): string[] {
  if (isWhole) return []
  const how = requirements.length > 0 ? 'partially ignored' : 'ignored'
  return [`spec.resourceAttributes.${name} ${how} due to parse error`]
}

type Attributes = FieldSelectorAttributes | LabelSelectorAttributes
type One = NonNullable<Attributes['requirements']>[number]

interface Reader<T> {
  parse(text: string): readonly T[]
  /** Nothing where it is not understood. */
  read(requirement: One): T | undefined
}

function understood<T>({ parse, read }: Reader<T>, asked: Attributes | undefined): Understood<T> {
  const { rawSelector = '', requirements = [] } = asked ?? {}
  if (requirements.length === 0) {
    const found = attempt(() => parse(rawSelector))
    return { requirements: found ?? [], isWhole: found !== undefined }
  }
  const found = requirements.map(each => attempt(() => read(each)))
  const known = found.filter(each => each !== undefined)
  return { requirements: known as T[], isWhole: known.length === found.length }
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}

const fieldsOf: Reader<FieldRequirement> = {
  parse: parseFieldSelector,
  read({ key, operator, values = [] }) {
    if (values.length !== 1 || (operator !== 'In' && operator !== 'NotIn')) return undefined
    return { field: key, operator: operator === 'In' ? '=' : '!=', value: values[0]! }
  },
}

const labelsOf: Reader<Requirement> = {
  parse: text => requirementsOf(parseLabelSelector(text)),
  read: requirement => requirementsOf(labelSelector({ matchExpressions: [requirement] }))[0],
}

const requirementsOf = (selector: ReturnType<typeof parseLabelSelector>): readonly Requirement[] =>
  selector === 'nothing' ? [] : selector
