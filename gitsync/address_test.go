package gitsync_test

import (
	"context"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// HOST:PATH is shown in the log, so that it must not be a URL without its https://.
func TestPasswordsWithoutTheirSchemeAreRefused(t *testing.T) {
	t.Parallel()
	for url, good := range map[string]bool{
		"git.example.com:models.git":                  true,
		"git@git.example.com:models.git":              true,
		"jo@example.com@git.example.com:team/m.git":   true,
		"ssh://git@git.example.com/models@v2.git":     true,
		"bob:hunter2@git.example.com:models.git":      false,
		"bob:hunter2@git.example.com/models.git":      false,
		"bob:hunter2/hunter2@git.example.com/m.git":   false,
		"jo@example.com:hunter2@git.example.com:m.gi": false,
		"bob:hunter2@git.example.com":                 false,
	} {
		o := options(url)
		o.Take, o.Auth = func(context.Context, *gitsync.Revision) error { return nil }, gitsync.Auth{KeyFile: "key", KnownHostsFile: "known_hosts"}
		f, err := gitsync.New(o)
		if shown := gitsync.Shown(url); strings.Contains(shown, "hunter2") {
			t.Errorf("%s is shown as %s", url, shown)
		}
		if good != (err == nil) || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
		if err == nil && strings.Contains(f.Status().Repository, "hunter2") {
			t.Errorf("%s is shown as %s", url, f.Status().Repository)
		}
	}
}
