// Package gitsync follows the branches of one git repository and hands out
// revisions that are detached from it.
//
// A [Follower] owns the repository: Run reads it, once at a time. Each time the
// endpoints branch, or a branch that its tree names, has moved, a new immutable
// [Revision] is offered to Options.Take. What Take refuses is remembered with
// its error and not offered again until a commit changes or somebody calls Sync,
// unless it may be taken without either, see Options.Outside, or nothing serves;
// the last good revision stays live. Nothing but the end of its context makes
// Run return: a server that is down, a force-push, a deleted branch, an emptied
// repository or a missing endpoints folder are errors in [Status] and in the
// log, and the next poll tries again.
//
// What is read is small: no history and, of the tree, only the files that lie
// directly in Options.Folders. Over http, https and ssh packs of depth 1 are
// fetched (gitprotocol-v2, or what is older where a server knows no other), thin
// against what is already held, into a store in memory that never exceeds
// Options.MaxBytes and from which all is dropped that the newest revision does
// not need. From servers that filter, nothing comes but the folders. One
// connection is kept from poll to poll. A repository on this machine
// (a path or file:// URL) is read in place. No git binary is needed for any of
// them. Every tree and file of a revision is proven to be there before it is
// offered, and on any error the store is thrown away and fetched once more. After
// 100 changes, or a day, a read that finds nothing new reads all anew and compares
// it with what is held; what was read anew serves if it differs.
//
// A revision without most of the endpoints of the last one, or a repository that
// lost its endpoints folder, its branch or all its commits, is more likely a
// mistake than meant: it is held, which Status and the log say, until somebody
// calls Accept or another revision follows.
//
// With Options.Verify the commit of every branch of a revision must be signed by
// a trusted key before it is offered, wherever it was read from, and must not be
// older than the one that served before; see the package signature. Of a kept
// revision the documents are proven to be those of its commits as well.
//
// The last revisions that Take accepted are kept in Options.StateDir. The newest
// one that is whole is offered when Run starts, before the network is asked, so
// that a gateway starts while its git server is down. Pin goes back to any of
// them, whether there is a git server or not, and what is pinned stays, over
// restarts, until Unpin; what is new meanwhile is read and checked, but not
// taken, and so not kept. While nothing serves, what is kept is offered again at
// each poll. Without a folder the last revisions are in memory, for
// Revisions and Kept, and cannot be pinned.
//
// [Publish] makes a commit of changed files and pushes it, with credentials of
// its own if need be: whoever edits documents for people, such as the console,
// changes the repository and never what serves. It never loses what others have
// pushed.
//
// [Read] reads a repository once, [Branches] lists its branches, and [WorkTree] finds the branches of the
// repository around a directory; both are for checking before a push.
package gitsync
