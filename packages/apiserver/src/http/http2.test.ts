import { http2Conformance } from '../testing/http2-conformance.ts'
import { serveHttp2 } from './h2/connection.ts'
import { serveByNode } from './http2.ts'

http2Conformance('our own', serveHttp2)
http2Conformance('that of Node', serveByNode)
