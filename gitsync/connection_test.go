package gitsync_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// One connection serves all polls and fetches, and one that was closed
// meanwhile is replaced without a failure. A few may be wanted on a machine that is
// very busy, for none is kept whose other end has not been heard of for long after a
// request; where connections are not kept at all, each of eleven polls makes one.
func TestConnectionIsKeptBetweenPolls(t *testing.T) {
	t.Parallel()
	polls := func(t *testing.T, r *repo, f *following, dialed *atomic.Int64, cut func()) {
		t.Helper()
		f.mustSync()
		for i := range 5 {
			f.mustSync()
			r.commit("main", "next", files{"endpoints/b.yaml": endpoint() + "# " + string(rune('a'+i)) + "\n"})
			f.mustSync()
		}
		before := dialed.Load()
		if before > 5 {
			t.Errorf("%d connections were made, want 1", before)
		}
		cut()
		f.mustSync()
		if n := dialed.Load() - before; n < 1 || n > 3 {
			t.Errorf("%d connections were made after one was closed, want 1", n)
		}
	}
	t.Run("http", func(t *testing.T) {
		r := newRepo(t)
		r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
		var dialed atomic.Int64
		s := httptest.NewUnstartedServer(r.httpHandler())
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				dialed.Add(1)
			}
		}
		s.Start()
		defer s.Close()
		polls(t, r, follow(t, options(s.URL+"/models.git"), nil), &dialed, s.CloseClientConnections)
	})
	for _, name := range []string{"ssh", "ssh version 0"} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.oldSSH = name != "ssh"
			r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
			o := options("")
			o.URL, o.Auth = sshServer(t, r, nil)
			polls(t, r, follow(t, o, nil), &r.dialed, r.cutSSH)
		})
	}
}
