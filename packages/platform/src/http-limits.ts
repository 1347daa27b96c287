/** How long the first line of a request and its headers may be together, as Go's servers have it (net/http, DefaultMaxHeaderBytes). */
export const MAX_HEADER_BYTES = 1 << 20
