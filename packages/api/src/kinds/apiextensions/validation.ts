/**
 * Definitions of custom resources; what their schemas hold is looked at elsewhere, and told in its place here
 * (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go).
 */
import {
  byteLength,
  checkDns1035Label,
  checkDns1123Subdomain,
  type FieldError,
  forbidden,
  invalid,
  isConditionTrue,
  notSupported,
  required,
  semanticEqual,
} from '@canopus/apimachinery'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion as Version,
} from '../../generated/apiextensions.v1.ts'
import { goJson } from '../../go-json.ts'
import { checkImmutable, checkText, type Errors, push } from '../shared/check.ts'
import { validateWebhookClient } from '../shared/webhook-client.ts'

const WORDS = ['plural', 'singular'] as const
const KINDS = ['kind', 'listKind'] as const

const NOT_PRESERVED =
  'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead'

/** What is found about schemas and what else takes schemas to say. */
export interface DetailFindings {
  readonly hasDefaults: boolean
  /** Of what each version says for itself. */
  readonly versions: readonly (readonly FieldError[])[]
  /** Of what all versions say alike. */
  readonly shared: readonly FieldError[]
  readonly approval: readonly FieldError[]
}

const NO_DETAILS: DetailFindings = { hasDefaults: false, versions: [], shared: [], approval: [] }

/** A new definition, or one that takes the place of `old`. */
export function validateDefinition(
  { metadata, spec, status }: CustomResourceDefinition,
  details: DetailFindings = NO_DETAILS,
  old?: CustomResourceDefinition,
): FieldError[] {
  const errors: Errors = []
  const wanted = `${spec?.names?.plural ?? ''}.${spec?.group ?? ''}`
  if (metadata.name && metadata.name !== wanted) {
    errors.push(invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group'))
  }
  if (!spec?.group) errors.push(required('spec.group'))
  else {
    const problems = checkDns1123Subdomain(spec.group)
    if (problems.length > 0) errors.push(invalid('spec.group', spec.group, problems.join(',')))
    else if (spec.group.split('.').length < 2) {
      errors.push(invalid('spec.group', spec.group, 'should be a domain with at least one dot'))
    }
  }
  if (!spec?.scope) errors.push(required('spec.scope'))
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced') {
    errors.push(notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']))
  }
  checkVersions(errors, spec, details, old?.spec)
  checkMissingNames(errors, 'spec.names', spec?.names)
  checkNames(errors, 'spec.names', spec?.names)
  push(errors, details.shared)
  checkConversion(errors, spec, old?.spec)
  if (old !== undefined && spec !== undefined) checkUnchanged(errors, spec, old)
  checkNames(errors, 'status.acceptedNames', status?.acceptedNames)
  checkStored(errors, spec, status?.storedVersions ?? undefined)
  push(errors, details.approval)
  if (spec?.preserveUnknownFields === true && !old?.spec.preserveUnknownFields) {
    errors.push(invalid('spec.preserveUnknownFields', true, NOT_PRESERVED))
  }
  return errors
}

function checkStored(errors: Errors, spec: Spec | undefined, stored: readonly string[] = []): void {
  if (stored.length === 0) errors.push(invalid('status.storedVersions', null, 'must have at least one stored version'))
  for (const { name, storage } of stored.length === 0 ? [] : (spec?.versions ?? [])) {
    if (!storage || stored.includes(name)) continue
    errors.push(invalid('status.storedVersions', stored, `must have the storage version ${name}`))
  }
  for (const [index, name] of stored.entries()) {
    if (spec?.versions?.some(version => version.name === name)) continue
    errors.push(
      invalid(
        `status.storedVersions[${index}]`,
        name,
        `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
      ),
    )
  }
}

type Names = Partial<CustomResourceDefinitionNames>

function checkMissingNames(errors: Errors, path: string, names: Names = {}): void {
  for (const field of [...WORDS, ...KINDS]) if (!names[field]) errors.push(required(`${path}.${field}`))
}

function checkNames(errors: Errors, path: string, names: Names = {}): void {
  const check = (field: string, value: string, text: string, prefix = ''): void => {
    const problems = checkDns1035Label(text)
    if (problems.length > 0) errors.push(invalid(`${path}.${field}`, value, prefix + problems.join(',')))
  }
  for (const field of WORDS) if (names[field]) check(field, names[field], names[field])
  const mixed = 'may have mixed case, but should otherwise match: '
  for (const field of KINDS) if (names[field]) check(field, names[field], names[field].toLowerCase(), mixed)
  for (const [index, name] of (names.shortNames ?? []).entries()) check(`shortNames[${index}]`, name, name)
  if (names.kind && names.kind === names.listKind) {
    errors.push(invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same'))
  }
  for (const [index, name] of (names.categories ?? []).entries()) check(`categories[${index}]`, name, name)
}

type Spec = CustomResourceDefinition['spec']

const hasSchema = ({ schema }: Version): boolean => schema?.openAPIV3Schema !== undefined

/** What older servers let in without a schema needs none now, unless all its fields would be pruned. */
function checkSchema(errors: Errors, path: string, version: Version, spec: Spec | undefined, old?: Spec): void {
  if (hasSchema(version)) return
  if (old === undefined || (old.versions ?? []).every(hasSchema)) errors.push(required(path))
  else if (version.served && spec?.preserveUnknownFields !== true) {
    errors.push(required(path, 'because otherwise all fields are pruned'))
  }
}

function checkVersions(errors: Errors, spec: Spec | undefined, details: DetailFindings, old?: Spec): void {
  const versions = spec?.versions ?? []
  const seen = new Set<string>()
  for (const [index, version] of versions.entries()) {
    checkSchema(errors, `spec.versions[${index}].schema.openAPIV3Schema`, version, spec, old)
  }
  if (details.hasDefaults && spec?.preserveUnknownFields === true) {
    errors.push(invalid('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema'))
  }
  for (const [index, version] of versions.entries()) {
    const path = `spec.versions[${index}]`
    checkText(errors, `${path}.name`, version.name ?? '', checkDns1035Label)
    seen.add(version.name)
    checkDeprecation(errors, `${path}.deprecationWarning`, version)
    push(errors, details.versions[index] ?? [])
  }
  const bad = (why: string): void => {
    errors.push(invalid('spec.versions', shownVersions(spec?.versions), why))
  }
  if (seen.size < versions.length) bad('must contain unique version names')
  if (versions.filter(version => version.storage).length !== 1) {
    bad('must have exactly one version marked as storage version')
  }
  // Upstream has the first version in a field of its own, too.
  const [first] = versions
  const problems = first?.name ? checkDns1035Label(first.name) : []
  if (problems.length > 0) errors.push(invalid('spec.version', first!.name, problems.join(',')))
}

const PER_VERSION = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'] as const

/** As upstream's internal type has them: what all versions say alike stands beside them there (apiextensions/v1/conversion.go). */
function shownVersions(versions: readonly Version[] | null | undefined): unknown {
  const first = versions?.[0]
  if (!versions || first === undefined) return versions ?? null
  const alike = PER_VERSION.filter(name => versions.every(each => semanticEqual(each[name], first[name])))
  const apart = Object.fromEntries(alike.map(name => [name, undefined]))
  return versions.map(each => goJson('apiextensions.v1.CustomResourceDefinitionVersion', { ...each, ...apart }))
}

const LONGEST_WARNING = 256

function checkDeprecation(errors: Errors, field: string, { deprecated, deprecationWarning: text }: Version): void {
  if (text === undefined) return
  const bad = (why: string): void => {
    errors.push(invalid(field, text, why))
  }
  if (!deprecated) {
    bad('can only be set for deprecated versions')
    return
  }
  if (byteLength(text) > LONGEST_WARNING) bad(`must be <= ${LONGEST_WARNING} characters long`)
  if (text === '') bad('must not be an empty string')
  // Go prints letters, marks, numbers, punctuation, symbols and the ASCII space.
  const at = text.search(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u)
  if (at < 0) return
  const index = byteLength(text.slice(0, at))
  bad(`must only contain printable UTF-8 characters; non-printable character found at index ${index}`)
}

const REVIEW_VERSIONS = ['v1', 'v1beta1']

function checkConversion(errors: Errors, spec: Spec | undefined, old?: Spec): void {
  const { conversion, preserveUnknownFields } = spec ?? {}
  if (conversion === undefined) return
  const path = 'spec.conversion'
  const { strategy, webhook } = conversion
  if (!strategy) errors.push(required(`${path}.strategy`))
  else if (strategy === 'Webhook') {
    if (preserveUnknownFields === true) {
      errors.push(invalid(`${path}.strategy`, strategy, 'must be None if spec.preserveUnknownFields is true'))
    }
    const client = webhook?.clientConfig
    if (client === undefined) {
      errors.push(required(`${path}.webhookClientConfig`, 'required when strategy is set to Webhook'))
    } else push(errors, validateWebhookClient(client, `${path}.webhookClientConfig`))
    const before = old?.conversion?.webhook?.conversionReviewVersions ?? []
    const anyVersion = before.length > 0 && !before.some(each => REVIEW_VERSIONS.includes(each))
    checkReviewVersions(errors, `${path}.conversionReviewVersions`, webhook?.conversionReviewVersions ?? [], anyVersion)
    return
  } else if (strategy !== 'None') errors.push(notSupported(`${path}.strategy`, strategy, ['None', 'Webhook']))
  const misplaced = 'should not be set when strategy is not set to Webhook'
  if (webhook?.clientConfig !== undefined) errors.push(forbidden(`${path}.webhookClientConfig`, misplaced))
  if ((webhook?.conversionReviewVersions ?? []).length > 0) {
    errors.push(forbidden(`${path}.conversionReviewVersions`, misplaced))
  }
}

/** `any`: what nobody understands is let through, since it was so before. */
function checkReviewVersions(errors: Errors, path: string, versions: readonly string[], any: boolean): void {
  if (versions.length === 0) {
    errors.push(required(path))
    return
  }
  for (const [index, version] of versions.entries()) {
    if (versions.indexOf(version) < index) errors.push(invalid(`${path}[${index}]`, version, 'duplicate version'))
    else checkText(errors, `${path}[${index}]`, version, checkDns1035Label)
  }
  if (any || versions.some(each => REVIEW_VERSIONS.includes(each))) return
  errors.push(invalid(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`))
}

/** Once established, what clients address objects by stays. */
function checkUnchanged(errors: Errors, spec: Spec, old: CustomResourceDefinition): void {
  if (isConditionTrue(old.status?.conditions, 'Established')) {
    checkImmutable(errors, 'spec.scope', spec.scope, old.spec.scope)
    checkImmutable(errors, 'spec.names.kind', spec.names.kind, old.spec.names.kind)
  }
  checkImmutable(errors, 'spec.group', spec.group, old.spec.group)
  checkImmutable(errors, 'spec.names.plural', spec.names.plural, old.spec.names.plural)
}

/** An update of the status: of the rest of it, nothing is looked at again (ValidateUpdateCustomResourceDefinitionStatus). */
export function validateDefinitionStatus({ status }: CustomResourceDefinition): FieldError[] {
  const errors: Errors = []
  checkNames(errors, 'status.acceptedNames', status?.acceptedNames)
  return errors
}
