import type { Schema, SchemaSet } from '@canopus/apimachinery'
import type { Descriptions } from './descriptions.ts'
import type { Parameter } from './types.ts'

const META = 'am.apis.meta.v1'

/** The query and path parameters of operations. Those of requests are the fields of the option messages. */
export class Parameters {
  private readonly schemas: SchemaSet
  private readonly descriptions: Descriptions
  private readonly made = new Map<string, Parameter[]>()

  constructor(schemas: SchemaSet, descriptions: Descriptions) {
    this.schemas = schemas
    this.descriptions = descriptions
  }

  get pretty(): Parameter {
    const description = this.said('pretty') ?? 'Write the answer indented, for people to read.'
    return { name: 'pretty', in: 'query', type: 'string', description }
  }
  get namespace(): Parameter {
    const description = this.said('namespace') ?? "The object's namespace."
    return { name: 'namespace', in: 'path', type: 'string', description }
  }
  readonly path: Parameter = { name: 'path', in: 'path', type: 'string', description: 'The path behind the proxy.' }

  name(kind: string): Parameter {
    return { name: 'name', in: 'path', type: 'string', description: `name of the ${kind}` }
  }

  create(): Parameter[] {
    return this.ofMessage(`${META}.CreateOptions`)
  }

  update(): Parameter[] {
    return this.ofMessage(`${META}.UpdateOptions`)
  }

  patch(): Parameter[] {
    return this.ofMessage(`${META}.PatchOptions`)
  }

  delete(): Parameter[] {
    return this.ofMessage(`${META}.DeleteOptions`)
  }

  /** What is said of reading an object that is a custom one. */
  get(): Parameter[] {
    return this.list().filter(({ name }) => name === 'resourceVersion')
  }

  list(): Parameter[] {
    return this.ofMessage(`${META}.ListOptions`)
  }

  /** What selects the objects to delete. */
  deleteCollection(): Parameter[] {
    const watching = ['watch', 'allowWatchBookmarks']
    return [...this.delete(), ...this.list().filter(parameter => !watching.includes(parameter.name))]
  }

  /** The fields of a message that can stand in a query: plain values and lists of them. */
  ofMessage(message: string): Parameter[] {
    let parameters = this.made.get(message)
    if (parameters === undefined) {
      parameters = this.make(message)
      this.made.set(message, parameters)
    }
    return parameters
  }

  /** What stands among the parameters of lists without being a list's option. */
  private said(name: string): string | undefined {
    return this.descriptions[`${META}.ListOptions`]?.[name]
  }

  private make(message: string): Parameter[] {
    const parameters: Parameter[] = []
    for (const [name, field] of this.schemas.schemaOf(message).fields) {
      const type = queryType(field.schema)
      if (type === undefined || field.number === 0) continue
      const description = this.descriptions[message]?.[name]
      parameters.push({ name, in: 'query', type, ...(description === undefined ? {} : { description }) })
    }
    return parameters.sort((a, b) => (a.name < b.name ? -1 : 1))
  }
}

function queryType(schema: Schema): Parameter['type'] | undefined {
  switch (schema.type) {
    case 'list':
      return queryType(schema.items)
    case 'string':
      return 'string'
    case 'bool':
      return 'boolean'
    case 'int32':
    case 'int64':
      return 'integer'
    default:
      return undefined
  }
}
