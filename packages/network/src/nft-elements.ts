import { tryRun } from '@canopus/platform'

interface NftListing {
  nftables?: { table?: { family: string; name: string }; map?: { elem?: unknown[] } }[]
}

/** The names of the tables of a family. */
export async function nftTables(family: string): Promise<string[]> {
  const listing = await list(['tables', family])
  return (listing?.nftables ?? []).flatMap(({ table }) => (table?.family === family ? [table.name] : []))
}

/** The keys of a map's elements, parts of a concatenation joined by ` . `; none where there is no such map. */
export async function nftMapKeys(family: string, table: string, map: string): Promise<string[]> {
  return keysOf(await list(['map', family, table, map]))
}

/** As nft's JSON has them: `[["tcp . 30080" in parts, verdict], ...]`. */
export function keysOf(listing: NftListing | undefined): string[] {
  const elements = (listing?.nftables ?? []).flatMap(({ map }) => map?.elem ?? [])
  return elements.map(element => {
    const [key] = Array.isArray(element) ? element : [element]
    const parts: unknown = typeof key === 'object' && key !== null && 'concat' in key ? key.concat : [key]
    return (Array.isArray(parts) ? parts : [parts]).join(' . ')
  })
}

async function list(what: readonly string[]): Promise<NftListing | undefined> {
  const { code, stdout } = await tryRun('nft', ['-j', 'list', ...what])
  return code === 0 ? (JSON.parse(stdout) as NftListing) : undefined
}
