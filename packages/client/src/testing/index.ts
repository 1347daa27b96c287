export { createFakeServer, type FakeRequest, type FakeServer, type FakeServerOptions } from './fake-server.ts'
