// Package gitea runs a Gitea for a test, on loopback and with all that it writes in
// a temporary folder: a real forge, with hooks, protected branches, tokens and an
// ssh server of its own.
//
//	s := gitea.Start(t, folder, "")
//	url := s.Create(t, "models")
//	token := s.Token(t, gitea.Admin, "write:repository")
//
// The folder is what .ci/gitea makes; without one the test is skipped. Gitea ends
// with the test, which waits for it. The package knows nothing of the gateway, so
// that any package can use it.
package gitea
