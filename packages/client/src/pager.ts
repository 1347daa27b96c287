/** Reads big collections page by page (client-go tools/pager). */
import { hasReason, type KubeList, type KubeObject } from '@canopus/apimachinery'
import type { ListQuery, ResourceClient } from './client.ts'

/** Yields the items of every page, 500 at a time by default. Where a continue token expires it reads the rest in one piece. */
export async function* listPages<T extends KubeObject>(
  client: Pick<ResourceClient<T>, 'list'>,
  options: ListQuery = {},
): AsyncGenerator<KubeList<T>, void, undefined> {
  const limit = options.limit ?? 500
  let page = await client.list({ ...options, limit })
  yield page
  while (page.metadata.continue) {
    // A continuation carries its own resource version; sending another with it is an error.
    const { resourceVersion: _version, resourceVersionMatch: _match, ...rest } = options
    try {
      page = await client.list({ ...rest, limit, continue: page.metadata.continue })
    } catch (error) {
      if (!hasReason(error, 'Expired')) throw error
      page = await client.list(rest)
      yield page
      return
    }
    yield page
  }
}

/** All items, read page by page. After an expired token some may come twice; the last one read wins. */
export async function listAll<T extends KubeObject>(
  client: Pick<ResourceClient<T>, 'list'>,
  options: ListQuery = {},
): Promise<KubeList<T>> {
  const items = new Map<string, T>()
  let last: KubeList<T> | undefined
  for await (const page of listPages(client, options)) {
    for (const item of page.items) items.set(`${item.metadata.namespace ?? ''}/${item.metadata.name}`, item)
    last = page
  }
  const { continue: _token, remainingItemCount: _count, ...metadata } = last?.metadata ?? {}
  return { ...last, metadata, items: [...items.values()] }
}
