/** Values as upstream's findings show them. */
import type { LabelSelector } from '@canopus/apimachinery'
import { goJson } from '../../go-json.ts'

/** Maps as Go writes them: by key; null where there is none. */
export const byKey = (map: Readonly<Record<string, unknown>> | undefined): object | null =>
  map === undefined ? null : Object.fromEntries(Object.entries(map).sort(([one], [other]) => (one < other ? -1 : 1)))

export const shownSelector = (selector: LabelSelector): unknown => goJson('am.apis.meta.v1.LabelSelector', selector)
