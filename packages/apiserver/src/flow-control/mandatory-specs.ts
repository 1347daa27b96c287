/** The specs of mandatory objects, which nobody may change (pkg/apis/flowcontrol/validation/validation.go). */
import { goJson, type Kind, withExtraChecks } from '@canopus/api'
import type { PriorityLevelConfigurationSpec } from '@canopus/api/flowcontrol/v1'
import { type FieldError, invalid, type KubeObject, semanticEqual } from '@canopus/apimachinery'
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS } from './defaults.ts'

type Described = KubeObject & { readonly spec?: object }

const EXEMPT = 'exempt'
const LEVEL = 'flowcontrol.v1.PriorityLevelConfigurationSpec'

/** The built-in kind; flow schemas and priority levels that are mandatory then have to be as they are. */
export function withMandatorySpecs(kind: Kind): Kind {
  const { group, plural } = kind.type
  if (group !== 'flowcontrol.apiserver.k8s.io') return kind
  const check =
    plural === 'flowschemas' ? schemaFindings : plural === 'prioritylevelconfigurations' ? levelFindings : undefined
  if (check === undefined) return kind
  return withExtraChecks(kind, { create: check, update: check })
}

function schemaFindings({ metadata, spec }: Described): FieldError[] {
  const wanted = MANDATORY_SCHEMAS.find(each => each.metadata.name === metadata.name)?.spec
  return wanted === undefined || semanticEqual(wanted, spec)
    ? []
    : [fixed('flowcontrol.v1.FlowSchemaSpec', metadata.name, spec)]
}

function levelFindings({ metadata: { name }, spec }: Described): FieldError[] {
  const wanted = MANDATORY_LEVELS.find(each => each.metadata.name === name)?.spec
  if (wanted === undefined) return []
  if (name !== EXEMPT) return semanticEqual(wanted, spec) ? [] : [fixed(LEVEL, name, spec)]
  const { exempt: _own, ...given } = (spec ?? {}) as Partial<PriorityLevelConfigurationSpec>
  return semanticEqual({ ...wanted, exempt: undefined }, { ...given, exempt: undefined })
    ? []
    : [fixed(LEVEL, name, spec, " except the 'spec.exempt' field")]
}

const fixed = (message: string, name: string, spec: object | undefined, except = ''): FieldError =>
  invalid('spec', goJson(message, spec), `spec of '${name}'${except} must equal the fixed value`)

/** What is wanted of a level, with what an administrator has given the exempt one, which is theirs to say. */
export function withExemption<T extends object>(name: string, wanted: T, existing: object | undefined): T {
  const { exempt } = (existing ?? {}) as Partial<PriorityLevelConfigurationSpec>
  return name === EXEMPT && 'exempt' in wanted && exempt !== undefined ? { ...wanted, exempt } : wanted
}
