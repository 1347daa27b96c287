/**
 * What the status says of schemas that are not structural, which definitions of long ago may have
 * (k8s.io/apiextensions-apiserver/pkg/controller/nonstructuralschema).
 */
import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from '@canopus/api/apiextensions/v1'
import { validateStructural, versionsOf } from '@canopus/apiextensions'
import { aggregateText, fieldErrorText, invalid } from '@canopus/apimachinery'

export const NON_STRUCTURAL = 'NonStructuralSchema'

/** The condition that the definition should have; nothing where all is as it should be. */
export function structuralCondition(
  definition: CustomResourceDefinition,
): Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'> | undefined {
  const errors =
    definition.spec.preserveUnknownFields === true ? [invalid('spec.preserveUnknownFields', true, 'must be false')] : []
  for (const [index, { schema }] of versionsOf(definition).entries()) {
    if (schema?.openAPIV3Schema === undefined) continue
    errors.push(...validateStructural(schema.openAPIV3Schema, `spec.versions[${index}].schema.openAPIV3Schema`))
  }
  if (errors.length === 0) return undefined
  const message = aggregateText(errors.map(fieldErrorText))
  return { type: NON_STRUCTURAL, status: 'True', reason: 'Violations', message }
}
