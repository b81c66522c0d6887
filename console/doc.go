// Package console is Switchyard in a browser: what serves, how it does, and
// changes of it, each of which is a commit.
//
// A [Console] answers GET / and all below /console/ of the admin listener. Its
// pages are rendered here, from templates, a style sheet and one script that are
// part of the binary; they work without the script, which adds what is live:
// numbers and charts come over server-sent events as pieces of the same pages.
// Numbers are those of a [series.Store].
//
// Git stays the only truth. The console reads revisions that are followed
// anyway, edits documents with package edit, has them checked by the code that
// will check the commit, and hands a commit to Options.Publish. It never touches
// what serves; that follows from the commit, as from any other.
//
// # Who may do what
//
// Everything that is shown may be read without a login under an address or the
// name localhost, as the rest of the admin listener may, if that is on loopback;
// under any other name, and on any other listener, a login is needed, so that no
// page of another site can have its name lead here (DNS rebinding). Changes need
// Options.Write, a login as an editor (package login), a request that comes from
// a page of the console, and the token of the session. No page loads, runs or
// sends anything that is not its own: see headers in security.go.
//
// The console knows no git, and nothing of the process: what it needs are
// functions in [Options].
package console
