/**
 * Definitions of custom resources that a server of long ago stored as apiextensions.k8s.io/v1beta1, in the form of v1
 * (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions: v1beta1/defaults.go, v1/conversion.go).
 */
import type { KubeObject } from '@canopus/apimachinery'

type Plain = Readonly<Record<string, unknown>>

export const FORMER_DEFINITION = 'apiextensions.k8s.io/v1beta1 CustomResourceDefinition'

export function definitionOfV1beta1(definition: KubeObject): KubeObject {
  const { spec = {}, status = {} } = definition as KubeObject & { spec?: Plain; status?: Plain }
  const { version, versions, validation, subresources, additionalPrinterColumns, selectableFields, ...rest } = spec
  const listed = (versions as readonly Plain[] | undefined) ?? []
  const given = listed.length > 0 ? listed : [{ name: version, served: true, storage: true }]
  // What is said of all versions stands for what each says.
  const shared = {
    ...(validation ? { schema: validation } : {}),
    ...(subresources ? { subresources } : {}),
    ...(additionalPrinterColumns ? { additionalPrinterColumns } : {}),
    ...(selectableFields ? { selectableFields } : {}),
  }
  const stored = given.find(({ storage }) => storage === true)?.name
  return {
    ...definition,
    apiVersion: 'apiextensions.k8s.io/v1',
    spec: {
      ...rest,
      scope: rest.scope ?? 'Namespaced',
      names: namesOf((rest.names ?? {}) as Plain),
      versions: given.map(each => withColumns({ ...each, ...shared })),
      conversion: conversionOf(rest.conversion as Plain | undefined),
      preserveUnknownFields: rest.preserveUnknownFields ?? true,
    },
    status: {
      ...withoutNulls(status),
      storedVersions: listOf(status.storedVersions) ?? (stored === undefined ? [] : [stored]),
    },
  } as KubeObject
}

/** Go writes what is not there as null. */
const withoutNulls = (object: Plain): Plain =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null))

const listOf = (value: unknown): readonly unknown[] | undefined =>
  Array.isArray(value) && value.length > 0 ? value : undefined

function namesOf(names: Plain): Plain {
  const kind = String(names.kind ?? '')
  return { ...names, singular: names.singular || kind.toLowerCase(), listKind: names.listKind || `${kind}List` }
}

function withColumns(version: Plain): Plain {
  const columns = version.additionalPrinterColumns as readonly Plain[] | undefined
  if (columns === undefined || columns === null) return version
  const additionalPrinterColumns = columns.map(({ JSONPath: jsonPath, ...column }) => ({ ...column, jsonPath }))
  return { ...version, additionalPrinterColumns }
}

function conversionOf(conversion: Plain | undefined | null): Plain {
  const { strategy = 'None', webhookClientConfig, conversionReviewVersions } = conversion ?? {}
  if (strategy !== 'Webhook') return { strategy }
  const webhook = {
    ...(webhookClientConfig ? { clientConfig: webhookClientConfig } : {}),
    conversionReviewVersions: listOf(conversionReviewVersions) ?? ['v1beta1'],
  }
  return { strategy, webhook }
}
