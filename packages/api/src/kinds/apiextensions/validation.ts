/**
 * Definitions of custom resources, without their schemas
 * (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go).
 */
import {
  checkDns1035Label,
  checkDns1123Subdomain,
  type FieldError,
  invalid,
  notSupported,
  required,
} from '@canopus/apimachinery'
import type { CustomResourceDefinition, CustomResourceDefinitionNames } from '../../generated/apiextensions.v1.ts'
import { checkImmutable, checkText, type Errors } from '../shared/check.ts'

const CATEGORIES = ['listKind', 'kind'] as const

export function validateDefinition({ metadata, spec, status }: CustomResourceDefinition): FieldError[] {
  const errors: Errors = []
  const wanted = `${spec?.names?.plural ?? ''}.${spec?.group ?? ''}`
  if (metadata.name && metadata.name !== wanted) {
    errors.push(invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group'))
  }
  if (!spec?.group) errors.push(required('spec.group'))
  else {
    checkText(errors, 'spec.group', spec.group, checkDns1123Subdomain)
    if (spec.group.split('.').length < 2) {
      errors.push(invalid('spec.group', spec.group, 'should be a domain with at least one dot'))
    }
  }
  if (!spec?.scope) errors.push(required('spec.scope'))
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced') {
    errors.push(notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']))
  }
  checkNames(errors, 'spec.names', spec?.names)
  checkVersions(errors, spec)
  checkConversion(errors, spec?.conversion)
  const stored = status?.storedVersions ?? []
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
  return errors
}

function checkNames(errors: Errors, path: string, names: CustomResourceDefinitionNames | undefined): void {
  for (const field of ['plural', 'singular'] as const) {
    const value = names?.[field]
    if (!value) errors.push(required(`${path}.${field}`))
    else checkText(errors, `${path}.${field}`, value, checkDns1035Label)
  }
  for (const field of CATEGORIES) {
    const value = names?.[field]
    if (!value) errors.push(required(`${path}.${field}`))
    else
      for (const message of checkDns1035Label(value.toLowerCase())) {
        errors.push(invalid(`${path}.${field}`, value, `may have mixed case, but should otherwise match: ${message}`))
      }
  }
  if (names?.kind && names.kind === names.listKind) {
    errors.push(invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same'))
  }
  for (const list of ['shortNames', 'categories'] as const) {
    for (const [index, value] of (names?.[list] ?? []).entries()) {
      checkText(errors, `${path}.${list}[${index}]`, value, checkDns1035Label)
    }
  }
}

function checkVersions(errors: Errors, spec: CustomResourceDefinition['spec'] | undefined): void {
  const versions = spec?.versions ?? []
  if (versions.length === 0) errors.push(required('spec.versions', 'must have at least one version'))
  const seen = new Set<string>()
  for (const [index, version] of versions.entries()) {
    const path = `spec.versions[${index}]`
    checkText(errors, `${path}.name`, version.name ?? '', checkDns1035Label)
    if (seen.has(version.name))
      errors.push(
        invalid(
          'spec.versions',
          versions.map(each => each.name),
          'must contain unique version names',
        ),
      )
    seen.add(version.name)
    if (version.schema?.openAPIV3Schema === undefined) {
      errors.push(required(`${path}.schema.openAPIV3Schema`, 'schemas are required'))
    }
    if (version.deprecationWarning !== undefined && !version.deprecated) {
      const text = 'can only be set for deprecated versions'
      errors.push(invalid(`${path}.deprecationWarning`, version.deprecationWarning, text))
    }
  }
  if (versions.length > 0 && versions.filter(version => version.storage).length !== 1) {
    const text = 'must have exactly one version marked as storage version'
    errors.push(
      invalid(
        'spec.versions',
        versions.map(each => each.name),
        text,
      ),
    )
  }
}

function checkConversion(errors: Errors, conversion: CustomResourceDefinition['spec']['conversion']): void {
  if (conversion === undefined) return
  const path = 'spec.conversion'
  const { strategy, webhook } = conversion
  if (!strategy) errors.push(required(`${path}.strategy`))
  else if (strategy === 'Webhook') {
    const client = webhook?.clientConfig
    if (client === undefined) {
      const text = 'required when strategy is set to Webhook, but not allowed if webhook is null'
      errors.push(required(`${path}.webhookClientConfig`, text))
    } else if ((client.url === undefined) === (client.service === undefined)) {
      errors.push(required(`${path}.webhookClientConfig`, 'exactly one of url or service is required'))
    }
    if ((webhook?.conversionReviewVersions ?? []).length === 0)
      errors.push(required(`${path}.conversionReviewVersions`))
  } else if (strategy !== 'None') errors.push(notSupported(`${path}.strategy`, strategy, ['None', 'Webhook']))
}

/** Once established, what clients address objects by stays. */
export function validateDefinitionUpdate(
  object: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  const errors = validateDefinition(object)
  const established = old.status?.conditions?.some(each => each.type === 'Established' && each.status === 'True')
  if (established) {
    checkImmutable(errors, 'spec.scope', object.spec.scope, old.spec.scope)
    checkImmutable(errors, 'spec.names.kind', object.spec.names.kind, old.spec.names.kind)
  }
  checkImmutable(errors, 'spec.group', object.spec.group, old.spec.group)
  checkImmutable(errors, 'spec.names.plural', object.spec.names.plural, old.spec.names.plural)
  return errors
}
