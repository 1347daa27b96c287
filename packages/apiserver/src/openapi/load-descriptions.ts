import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { type Descriptions, parseDescriptions } from '@canopus/api'

/**
 * Reads the descriptions that the build put into `dist/descriptions.json.gz` (tools/schema/descriptions.ts). Undefined where the
 * file is not there: documents are then served without descriptions. Throws where the file is damaged.
 */
export function loadDescriptions(file: string): Descriptions | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return parseDescriptions(gunzipSync(bytes).toString())
}
