/**
 * nftables tables as values. A table is a few chains and maps; what changes at run time are map and set elements, written as
 * increments in one transaction. Nothing is ever read back from the kernel on the hot path: the value here is the truth.
 */
export interface NftTable {
  readonly family: 'ip' | 'ip6' | 'inet'
  readonly name: string
  /** Maps and sets with their declarations, for example `type ipv4_addr . inet_proto . inet_service : verdict`. */
  readonly containers: readonly NftContainer[]
  readonly chains: readonly NftChain[]
}

export interface NftContainer {
  readonly kind: 'map' | 'set'
  readonly name: string
  /** The lines between the braces, without elements. */
  readonly declaration: readonly string[]
}

export interface NftChain {
  readonly name: string
  /** For a base chain, for example `type nat hook prerouting priority dstnat`. */
  readonly hook?: string
  readonly rules: readonly string[]
}

/** A change to a table that exists. Order matters: a chain before the elements that go to it. */
export type NftChange =
  | { readonly op: 'set-chain'; readonly chain: NftChain }
  | { readonly op: 'delete-chain'; readonly name: string }
  | { readonly op: 'add-element'; readonly container: string; readonly key: string; readonly value?: string }
  | { readonly op: 'delete-element'; readonly container: string; readonly key: string }
  | { readonly op: 'flush-container'; readonly kind: 'map' | 'set'; readonly container: string }

/** Elements per line: long enough to be quick, short enough for nft's parser and error messages. */
const ELEMENTS_PER_COMMAND = 500

/** The commands that make the table anew, whatever was there before, in one transaction. */
export function renderTable(table: NftTable): string {
  const head = `${table.family} ${table.name}`
  const containers = table.containers.map(
    container =>
      ` ${container.kind} ${container.name} {\n${container.declaration.map(line => `  ${line}\n`).join('')} }\n`,
  )
  const declared = table.chains.map(chain => ` chain ${chain.name} {\n${chain.hook ? `  ${chain.hook}\n` : ''} }\n`)
  const rules = table.chains.map(
    chain => ` chain ${chain.name} {\n${chain.rules.map(rule => `  ${rule}\n`).join('')} }\n`,
  )
  return [
    `add table ${head}\ndelete table ${head}\n`,
    `table ${head} {\n${containers.join('')}${declared.join('')}}\n`,
    `table ${head} {\n${rules.join('')}}\n`,
  ].join('')
}

/** The commands for some changes, in their order; runs of elements of one container share a command. */
export function renderChanges(table: Pick<NftTable, 'family' | 'name'>, changes: readonly NftChange[]): string {
  const head = `${table.family} ${table.name}`
  const lines: string[] = []
  for (let at = 0; at < changes.length; ) {
    const change = changes[at]!
    if (change.op === 'add-element' || change.op === 'delete-element') {
      const run = runOfElements(changes, at)
      const verb = change.op === 'add-element' ? 'add' : 'delete'
      lines.push(`${verb} element ${head} ${change.container} { ${run.map(elementText).join(', ')} }`)
      at += run.length
      continue
    }
    lines.push(...renderOther(head, change))
    at++
  }
  return lines.map(line => `${line}\n`).join('')
}

type ElementChange = Extract<NftChange, { op: 'add-element' | 'delete-element' }>

function runOfElements(changes: readonly NftChange[], from: number): ElementChange[] {
  const first = changes[from] as ElementChange
  const run: ElementChange[] = []
  for (let at = from; at < changes.length && run.length < ELEMENTS_PER_COMMAND; at++) {
    const change = changes[at]!
    if (change.op !== first.op || change.container !== first.container) break
    run.push(change)
  }
  return run
}

function elementText(change: ElementChange): string {
  return change.op === 'add-element' && change.value !== undefined ? `${change.key} : ${change.value}` : change.key
}

function renderOther(head: string, change: Exclude<NftChange, ElementChange>): string[] {
  switch (change.op) {
    case 'set-chain':
      return [
        `add chain ${head} ${change.chain.name}${change.chain.hook ? ` { ${change.chain.hook} ; }` : ''}`,
        `flush chain ${head} ${change.chain.name}`,
        ...change.chain.rules.map(rule => `add rule ${head} ${change.chain.name} ${rule}`),
      ]
    case 'delete-chain':
      return [`flush chain ${head} ${change.name}`, `delete chain ${head} ${change.name}`]
    case 'flush-container':
      return [`flush ${change.kind} ${head} ${change.container}`]
  }
}
