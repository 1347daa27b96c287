/** Reads the messages of a `generated.proto`: numbers, names and types of fields. */

export interface ProtoField {
  number: number
  name: string
  /** As written, for example `k8s.io.apimachinery.pkg.apis.meta.v1.Time`, `.k8s.io.api.core.v1.X`, `Pod` or `int32`. */
  type: string
  label: 'single' | 'repeated' | 'map'
}

export interface ProtoFile {
  /** For example `k8s.io.api.core.v1`. */
  package: string
  messages: { name: string; fields: ProtoField[] }[]
}

/** Throws where the text names no package. */
export function parseProto(text: string): ProtoFile {
  const name = /^package ([\w.]+);/m.exec(text)?.[1]
  if (name === undefined) throw new Error('a .proto file without a package')
  const body = text.replace(/\/\/[^\n]*/g, '')
  const messages = [...body.matchAll(/message (\w+) \{([^}]*)\}/g)].map(message => {
    const fields: ProtoField[] = []
    for (const [, label, type, field, number] of message[2]!.matchAll(
      /(optional|repeated|required)\s+([\w.]+)\s+(\w+)\s*=\s*(\d+);/g,
    ))
      fields.push({
        number: Number(number),
        name: field!,
        type: type!,
        label: label === 'repeated' ? 'repeated' : 'single',
      })
    for (const [, type, field, number] of message[2]!.matchAll(/map<string,\s*([\w.]+)>\s+(\w+)\s*=\s*(\d+);/g))
      fields.push({ number: Number(number), name: field!, type: type!, label: 'map' })
    return { name: message[1]!, fields: fields.sort((a, b) => a.number - b.number) }
  })
  return { package: name, messages }
}
