// The canopus command
export {}
