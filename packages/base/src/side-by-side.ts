/** Acts on all items, at most so many at a time, beginning in their order. Rejects with the first that fails. */
export async function sideBySide<T>(items: readonly T[], most: number, act: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const row = async (): Promise<void> => {
    while (next < items.length) await act(items[next++]!)
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, row))
}
