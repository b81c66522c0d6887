// Package browser is the test of the console in a real browser: Chromium, driven
// over its debugging protocol, a process that serves, deployments that answer, and
// git's own server. It runs with -browser, as make test-console does, and takes
// the screenshots of docs/console.md.
package browser
