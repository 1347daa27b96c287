/**
 * What upstream says of messages and their fields: by message name in the facts table, then by field name, the message itself
 * under the empty name. The sentences come from an npm package at build time (tools/schema/descriptions.ts) and are never part of
 * the repository; without them documents are served without descriptions.
 */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>

export const NO_DESCRIPTIONS: Descriptions = {}

/** Reads the JSON text of `descriptions.json`. Throws where it is none. */
export function parseDescriptions(json: string): Descriptions {
  const value: unknown = JSON.parse(json)
  if (typeof value !== 'object' || value === null) throw new Error('descriptions: not an object')
  return value as Descriptions
}
