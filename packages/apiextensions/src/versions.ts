import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '@canopus/api/apiextensions/v1'

/** Validation wants one at least, but what somebody else wrote into the store has not been through it. */
export const versionsOf = ({ spec }: CustomResourceDefinition): readonly CustomResourceDefinitionVersion[] =>
  spec.versions ?? []
