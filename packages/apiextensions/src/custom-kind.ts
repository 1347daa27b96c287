/** Makes kinds of definitions: the same values that built-in kinds are, so that nothing else has to tell them apart. */
import { type FieldReader, type Kind, schemas } from '@canopus/api'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '@canopus/api/apiextensions/v1'
import {
  apiVersionOf,
  clone,
  compareVersions,
  customResourceSchema,
  decodeValue,
  deepEqual,
  internalError,
  isInForm,
  type KubeObject,
  type ResourceType,
  type StructSchema,
  type StructuralProps,
} from '@canopus/apimachinery'
import { printerColumns } from './columns.ts'
import { applyDefaults, needsDefaults } from './defaults.ts'
import { dropMalformedMetadata } from './embedded.ts'
import { parseJsonPath } from './json-path.ts'
import { openApiDefinition } from './openapi.ts'
import { type TimeRules, untimed } from './rules/index.ts'
import { withPrunedDefaults } from './schema-defaults.ts'
import { customStrategy } from './strategy.ts'
import { versionsOf } from './versions.ts'

const VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'] as const
const WRITE_VERBS = ['get', 'patch', 'update'] as const

const EVERYTHING: JSONSchemaProps = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

/** Where objects of a definition live below `/registry/`. */
export const customStoragePrefix = ({ spec }: CustomResourceDefinition): string => `${spec.group}/${spec.names.plural}`

/** Asks whoever converts the objects of a definition: each as it is in `apiVersion`, in the same order. */
export type ConvertObjects = (objects: readonly KubeObject[], apiVersion: string) => Promise<readonly KubeObject[]>

/**
 * One kind for every version of a definition, served or not, by version name. `id` names this state of the definition, `convert`
 * is asked where its conversion strategy is `Webhook`.
 */
export function customKinds(
  definition: CustomResourceDefinition,
  id: string,
  convert?: ConvertObjects,
  time: TimeRules = untimed,
): Map<string, Kind> {
  return new Map(
    versionsOf(definition).map(version => [version.name, customKind(definition, version, id, convert, time)]),
  )
}

function customKind(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  id: string,
  convert: ConvertObjects | undefined,
  time: TimeRules,
): Kind {
  const { spec } = definition
  const type = resourceType(definition, version)
  const props = propsOf(version)
  const openapi = openApiDefinition(definition, version)
  const schema = schemaOf(definition, props, openapi.name)
  const scale = version.subresources?.scale
  const deprecation = deprecationOf(definition, version)
  const formOf = formsOf(definition)
  return {
    type,
    message: '',
    strategy: customStrategy(props, version.subresources, time),
    columns: printerColumns(version.additionalPrinterColumns),
    selectableFields: selectableFields(version),
    storagePrefix: customStoragePrefix(definition),
    storedAs: storedAs(definition, formOf, type, schema, props, convert),
    custom: {
      schema,
      schemaIn: apiVersion => (apiVersion === apiVersionOf(type) ? schema : formOf(apiVersion)?.schema),
      ...(convert === undefined ? {} : { convert }),
      definition: openapi,
      id: `${spec.group}/${spec.names.plural} ${id}`,
      ...(scale ? { scale } : {}),
      replicasPaths: new Map(
        versionsOf(definition).map(each => [`${spec.group}/${each.name}`, each.subresources?.scale?.specReplicasPath]),
      ),
    },
    ...(deprecation === undefined ? {} : { deprecation }),
  }
}

const propsOf = ({ schema }: CustomResourceDefinitionVersion): JSONSchemaProps =>
  schema?.openAPIV3Schema === undefined ? EVERYTHING : withPrunedDefaults(schema.openAPIV3Schema)

const objectMeta = (): StructSchema => schemas.schemaOf('am.apis.meta.v1.ObjectMeta')

/** Definitions of before v1 may ask for all fields to be kept, wherever they are. */
function schemaOf({ spec }: CustomResourceDefinition, props: JSONSchemaProps, name = ''): StructSchema {
  const read = spec.preserveUnknownFields === true ? preserving(props) : props
  return customResourceSchema(read as StructuralProps, objectMeta(), name)
}

function preserving(props: JSONSchemaProps): JSONSchemaProps {
  const { properties, items, additionalProperties } = props
  const entries = Object.entries(properties ?? {})
  return {
    ...props,
    'x-kubernetes-preserve-unknown-fields': true,
    ...(properties && { properties: Object.fromEntries(entries.map(([name, each]) => [name, preserving(each)])) }),
    ...(items && !Array.isArray(items) && { items: preserving(items) }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: preserving(additionalProperties) }),
  }
}

function resourceType({ spec }: CustomResourceDefinition, version: CustomResourceDefinitionVersion): ResourceType {
  const { names, group, scope, versions } = spec
  const { status, scale } = version.subresources ?? {}
  return {
    group,
    version: version.name,
    storageVersion: versions.find(({ storage }) => storage)?.name ?? version.name,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    kind: names.kind,
    listKind: names.listKind ?? `${names.kind}List`,
    namespaced: scope === 'Namespaced',
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs: VERBS,
    subresources: {
      ...(status ? { status: { verbs: WRITE_VERBS } } : {}),
      ...(scale ? { scale: { type: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: WRITE_VERBS } } : {}),
    },
  }
}

/** A version of a definition, as far as objects of it are brought into its form. */
interface VersionForm {
  readonly schema: StructSchema
  readonly props: JSONSchemaProps
}

type FormOf = (apiVersion: string) => VersionForm | undefined

/** The form of each version, made when the first object of it is met. */
function formsOf(definition: CustomResourceDefinition): FormOf {
  const made = new Map<string, VersionForm>()
  const { group, versions } = definition.spec
  return apiVersion => {
    const known = made.get(apiVersion)
    const version = known === undefined ? versions.find(each => `${group}/${each.name}` === apiVersion) : undefined
    if (version === undefined) return known
    const props = propsOf(version)
    const form = { props, schema: schemaOf(definition, props) }
    made.set(apiVersion, form)
    return form
  }
}

/**
 * Stored objects may be of another version, written before a default or a field was added or after one was dropped: reading
 * brings them into the form of today. They get the defaults of the version that they are stored in and lose what the version
 * asked for does not know, but get no defaults of that one (upstream's unstructuredDefaulter and schemaCoercingConverter). What
 * needs no change is returned as it is.
 */
function storedAs(
  definition: CustomResourceDefinition,
  formOf: FormOf,
  type: ResourceType,
  schema: StructSchema,
  props: JSONSchemaProps,
  remote: ConvertObjects | undefined,
): NonNullable<Kind['storedAs']> {
  const { spec } = definition
  const storage = spec.versions.find(each => each.storage) ?? spec.versions[0]!
  const stored = resourceType(definition, storage)
  const own = apiVersionOf(type)
  const byWebhook = spec.conversion?.strategy === 'Webhook'
  /** Shared objects are asked for often, by every selector. */
  const read = new WeakMap<KubeObject, KubeObject>()
  const convert = (object: KubeObject, apiVersion: string): KubeObject => {
    if (object.apiVersion === apiVersion) return object
    if (!byWebhook) return { ...object, apiVersion }
    throw internalError(`${object.apiVersion}, Kind=${type.kind} has not been converted to ${apiVersion}`)
  }
  const asWritten = (stored: KubeObject): KubeObject => {
    const object = stored.metadata.generation ? stored : withGeneration(stored)
    const form = object.apiVersion === own ? { schema, props } : formOf(object.apiVersion ?? '')
    if (form === undefined || (isInForm(form.schema, object) && !needsDefaults(form.props, object))) return object
    const decoded = decodeStored(form, object)
    applyDefaults(form.props, decoded)
    return decoded as unknown as KubeObject
  }
  // What a webhook has made of a stored object has had its defaults.
  const convertedBefore = byWebhook && own !== apiVersionOf(stored)
  const asOwn = (object: KubeObject): KubeObject => {
    const written = convertedBefore ? object : asWritten(object)
    // Looked through already, in this very form.
    if (!convertedBefore && written === object && object.apiVersion === own) return object
    const current = convert(written, own)
    if (isInForm(schema, current)) return current
    const decoded = decodeValue(schema, clone(current)).object as unknown as KubeObject
    return deepEqual(decoded, object) ? object : decoded
  }
  return {
    type: stored,
    toStored: byWebhook
      ? object => pruned(convert(object, apiVersionOf(stored)), storage)
      : object => convert(object, apiVersionOf(stored)),
    fromStored(object) {
      const known = read.get(object)
      if (known !== undefined) return known
      const result = asOwn(object)
      read.set(object, result)
      return result
    },
    ...(byWebhook && remote !== undefined
      ? { convert: (objects, apiVersion) => remote(objects.map(asWritten), apiVersion) }
      : {}),
  }
}

/** Objects of long ago have none. */
const withGeneration = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, generation: 1 },
})

/** The object in the form of its version; what is malformed in its metadata is left out, so that it can be read and deleted. */
function decodeStored({ schema, props }: VersionForm, object: KubeObject): Record<string, unknown> {
  try {
    return decodeValue(schema, clone(object)).object
  } catch {
    const copy = clone(object)
    dropMalformedMetadata({ ...props, 'x-kubernetes-embedded-resource': true }, copy, objectMeta())
    return decodeValue(schema, copy).object
  }
}

/** What a webhook makes of an object may have more fields than the schema of the version. */
function pruned(object: KubeObject, version: CustomResourceDefinitionVersion): KubeObject {
  const props = version.schema?.openAPIV3Schema ?? EVERYTHING
  const schema = customResourceSchema(props as StructuralProps, objectMeta(), '')
  return decodeValue(schema, clone(object)).object as unknown as KubeObject
}

function selectableFields({
  selectableFields: fields = [],
}: CustomResourceDefinitionVersion): Record<string, FieldReader<KubeObject>> {
  const readers: Record<string, FieldReader<KubeObject>> = {}
  for (const { jsonPath } of fields) {
    const find = parseJsonPath(jsonPath)
    readers[jsonPath.replace(/^\./, '')] = object => {
      const [value] = find(object)
      return value === undefined || value === null ? '' : String(value)
    }
  }
  return readers
}

function deprecationOf(
  { spec }: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
): string | undefined {
  if (version.deprecated !== true) return undefined
  if (version.deprecationWarning) return version.deprecationWarning
  const { group, names } = spec
  // Nobody is sent back to an older one.
  const newer = spec.versions
    .filter(({ name }) => compareVersions(name, version.name) < 0)
    .sort((a, b) => compareVersions(a.name, b.name))
  const better = newer.find(each => each.served && each.deprecated !== true)
  const text = `${group}/${version.name} ${names.kind} is deprecated`
  return better === undefined ? text : `${text}; use ${group}/${better.name} ${names.kind}`
}
