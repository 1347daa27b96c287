// The browser UI
export {}
