export { publishAuthentication, runApiServerLoops, type StartApiServerOptions, startApiServer } from './api-server.ts'
export {
  type ComponentServer,
  type ComponentServerOptions,
  startComponentServer,
} from './component-server.ts'
export {
  type ApiServerExtras,
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from './control-plane.ts'
export { type ControllerManagerOptions, createControllerManager } from './controller-manager.ts'
