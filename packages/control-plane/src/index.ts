export { publishAuthentication, runApiServerLoops, type StartApiServerOptions, startApiServer } from './api-server.ts'
export {
  type ComponentServer,
  type ComponentServerOptions,
  type ShownCertificates,
  startComponentServer,
} from './component-server.ts'
export {
  type ApiServerExtras,
  CONTROLLER_MANAGER,
  type ControlPlane,
  type ControlPlaneOptions,
  SCHEDULER,
  startControlPlane,
} from './control-plane.ts'
export { type ControllerManagerOptions, createControllerManager } from './controller-manager.ts'
export { startDebugSocket } from './debug-socket.ts'
