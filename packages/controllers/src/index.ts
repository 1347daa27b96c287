// One file per built-in controller
export {}
