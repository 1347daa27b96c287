import protobuf from 'protobufjs/light.js'

/**
 * The messages of etcd's v3 API that a Kubernetes store needs, with the field numbers of etcdserverpb and mvccpb. Fields that
 * we neither send nor read are left out; a protobuf reader skips them.
 */
const optional = (fields: Record<string, [number, string]>) => ({
  fields: Object.fromEntries(Object.entries(fields).map(([name, [id, type]]) => [name, { id, type }])),
})
const many = (id: number, type: string) => ({ id, type, rule: 'repeated' })

const root = protobuf.Root.fromJSON({
  nested: {
    KeyValue: optional({ key: [1, 'bytes'], modRevision: [3, 'int64'], value: [5, 'bytes'], lease: [6, 'int64'] }),
    Event: optional({ type: [1, 'int32'], kv: [2, 'KeyValue'], prevKv: [3, 'KeyValue'] }),
    ResponseHeader: optional({ revision: [3, 'int64'] }),

    RangeRequest: optional({
      key: [1, 'bytes'],
      rangeEnd: [2, 'bytes'],
      limit: [3, 'int64'],
      revision: [4, 'int64'],
      keysOnly: [8, 'bool'],
      countOnly: [9, 'bool'],
    }),
    RangeResponse: {
      fields: {
        header: { id: 1, type: 'ResponseHeader' },
        kvs: many(2, 'KeyValue'),
        more: { id: 3, type: 'bool' },
        count: { id: 4, type: 'int64' },
      },
    },
    PutRequest: optional({ key: [1, 'bytes'], value: [2, 'bytes'], lease: [3, 'int64'] }),
    PutResponse: optional({ header: [1, 'ResponseHeader'] }),
    DeleteRangeRequest: optional({ key: [1, 'bytes'], rangeEnd: [2, 'bytes'], prevKv: [3, 'bool'] }),
    DeleteRangeResponse: {
      fields: {
        header: { id: 1, type: 'ResponseHeader' },
        deleted: { id: 2, type: 'int64' },
        prevKvs: many(3, 'KeyValue'),
      },
    },
    Compare: optional({ result: [1, 'int32'], target: [2, 'int32'], key: [3, 'bytes'], modRevision: [6, 'int64'] }),
    RequestOp: optional({
      requestRange: [1, 'RangeRequest'],
      requestPut: [2, 'PutRequest'],
      requestDeleteRange: [3, 'DeleteRangeRequest'],
    }),
    ResponseOp: optional({
      responseRange: [1, 'RangeResponse'],
      responsePut: [2, 'PutResponse'],
      responseDeleteRange: [3, 'DeleteRangeResponse'],
    }),
    TxnRequest: {
      fields: { compare: many(1, 'Compare'), success: many(2, 'RequestOp'), failure: many(3, 'RequestOp') },
    },
    TxnResponse: {
      fields: {
        header: { id: 1, type: 'ResponseHeader' },
        succeeded: { id: 2, type: 'bool' },
        responses: many(3, 'ResponseOp'),
      },
    },
    CompactionRequest: optional({ revision: [1, 'int64'] }),
    CompactionResponse: optional({ header: [1, 'ResponseHeader'] }),

    WatchCreateRequest: optional({
      key: [1, 'bytes'],
      rangeEnd: [2, 'bytes'],
      startRevision: [3, 'int64'],
      progressNotify: [4, 'bool'],
      prevKv: [6, 'bool'],
    }),
    WatchProgressRequest: optional({}),
    WatchRequest: optional({ createRequest: [1, 'WatchCreateRequest'], progressRequest: [3, 'WatchProgressRequest'] }),
    WatchResponse: {
      fields: {
        header: { id: 1, type: 'ResponseHeader' },
        watchId: { id: 2, type: 'int64' },
        created: { id: 3, type: 'bool' },
        canceled: { id: 4, type: 'bool' },
        compactRevision: { id: 5, type: 'int64' },
        cancelReason: { id: 6, type: 'string' },
        events: many(11, 'Event'),
      },
    },

    LeaseGrantRequest: optional({ TTL: [1, 'int64'], ID: [2, 'int64'] }),
    LeaseGrantResponse: optional({ header: [1, 'ResponseHeader'], ID: [2, 'int64'], TTL: [3, 'int64'] }),
    StatusRequest: optional({}),
    StatusResponse: optional({ header: [1, 'ResponseHeader'], version: [2, 'string'], dbSize: [3, 'int64'] }),
  },
})

/** An int64 as it comes off the wire: a number where it fits the reader's fancy, else an object that knows its number. */
export type Int64 = number | { toNumber(): number }
export const toNumber = (value: Int64): number => (typeof value === 'number' ? value : value.toNumber())

export interface EtcdKeyValue {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly modRevision: Int64
}
export interface Header {
  readonly header: { readonly revision: Int64 }
}
export interface RangeRequest {
  key: Uint8Array
  rangeEnd?: Uint8Array
  limit?: number
  revision?: number
  keysOnly?: boolean
  countOnly?: boolean
}
export interface RangeResponse extends Header {
  readonly kvs: readonly EtcdKeyValue[]
  readonly count: Int64
}
export interface RequestOp {
  requestRange?: RangeRequest
  requestPut?: { key: Uint8Array; value: Uint8Array; lease?: Int64 }
  requestDeleteRange?: { key: Uint8Array; prevKv?: boolean }
}
export interface TxnRequest {
  compare: { result: number; target: number; key: Uint8Array; modRevision: number }[]
  success: RequestOp[]
  failure: RequestOp[]
}
export interface TxnResponse extends Header {
  readonly succeeded: boolean
  readonly responses: readonly {
    readonly responseRange?: RangeResponse | null
    readonly responseDeleteRange?: { readonly prevKvs: readonly EtcdKeyValue[] } | null
  }[]
}
export interface WatchRequest {
  createRequest?: {
    key: Uint8Array
    rangeEnd: Uint8Array
    startRevision: number
    progressNotify: boolean
    prevKv: boolean
  }
  progressRequest?: Record<string, never>
}
export interface WatchResponse extends Header {
  readonly created: boolean
  readonly canceled: boolean
  readonly compactRevision: Int64
  readonly cancelReason: string
  readonly events: readonly {
    readonly type: number
    readonly kv: EtcdKeyValue
    readonly prevKv?: EtcdKeyValue | null
  }[]
}

/** `Compare.result` EQUAL and `Compare.target` MOD. */
export const compareEqual = 0
export const compareModRevision = 2
/** `Event.type` DELETE. */
export const eventDelete = 1

export interface Codec<T> {
  encode(message: T): Buffer
  decode(bytes: Uint8Array): T
}

function codec<T>(name: string): Codec<T> {
  const type = root.lookupType(name)
  return {
    encode: message => Buffer.from(type.encode(message as Record<string, unknown>).finish()),
    decode: bytes => type.decode(bytes) as unknown as T,
  }
}

/** One remote procedure: its path and how to write its request and read its answer. */
export interface Method<Request, Response> {
  readonly path: string
  readonly request: Codec<Request>
  readonly response: Codec<Response>
}

const method = <Request, Response>(service: string, name: string, message: string): Method<Request, Response> => ({
  path: `/etcdserverpb.${service}/${name}`,
  request: codec(`${message}Request`),
  response: codec(`${message}Response`),
})

export const methods = {
  range: method<RangeRequest, RangeResponse>('KV', 'Range', 'Range'),
  txn: method<TxnRequest, TxnResponse>('KV', 'Txn', 'Txn'),
  compact: method<{ revision: number }, Header>('KV', 'Compact', 'Compaction'),
  watch: method<WatchRequest, WatchResponse>('Watch', 'Watch', 'Watch'),
  leaseGrant: method<{ TTL: number }, Header & { readonly ID: Int64 }>('Lease', 'LeaseGrant', 'LeaseGrant'),
  status: method<Record<string, never>, Header & { readonly version: string; readonly dbSize: Int64 }>(
    'Maintenance',
    'Status',
    'Status',
  ),
}
