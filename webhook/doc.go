// Package webhook takes the push hooks of git forges: a hint that the repository
// is worth a look, so that a push serves at once instead of after a poll.
//
// A [Receiver] is the handler. It answers 202 to a delivery that one of the
// secrets proves, and then calls Options.Poke; it answers 401 to any other.
// Understood are
//
//   - GitHub: X-Hub-Signature-256;
//   - GitLab: webhook-signature of the signing token, and X-Gitlab-Token;
//   - Gitea and Forgejo: X-Gitea-Signature, X-Forgejo-Signature;
//   - Bitbucket: X-Hub-Signature, with sha256 only.
//
// What a delivery says is not believed: what was pushed is read from the
// repository, so a delivery that is repeated costs a look and nothing else. It is
// read for one thing, to leave out looks after pushes to branches that nobody
// follows, and only where it is certain.
//
// The signature is of the whole body, of any content type. It is checked while
// the body streams by, so a delivery costs a few kilobytes, however large it is
// and whoever sends it.
//
// A [Poller] makes looks of pokes: at once, at most one a second, and again after
// a second and after five while nothing has moved, as forges may send a hook
// before the replica that answers knows of the push.
//
// A [Relay] tells the other gateways that follow the same repository, where a
// forge reaches one of several behind a balancer.
package webhook
