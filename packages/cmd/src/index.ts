// Composition roots: parse flags, build the objects, connect them, run
export {}
