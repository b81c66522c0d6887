package gitsync_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/server"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// plainServer serves the repository without the git binary. It knows neither
// version 2 nor depth, filters, thin packs or bands, refuses what it did not
// offer, and cannot be told of commits that it does not have.
func (r *repo) plainServer(fetches *atomic.Int64) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		session, err := r.uploadPack()
		if err == nil && req.Method == http.MethodGet {
			err = greet(w, req, session)
		} else if err == nil {
			fetches.Add(1)
			err = give(w, req, session)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	r.t.Cleanup(s.Close)
	return s.URL + "/models.git"
}

func (r *repo) uploadPack() (transport.UploadPackSession, error) {
	opened, err := git.PlainOpen(r.bare)
	if err != nil {
		return nil, err
	}
	at, err := transport.NewEndpoint("/models.git")
	if err != nil {
		return nil, err
	}
	return server.NewServer(server.MapLoader{at.String(): opened.Storer}).NewUploadPackSession(at, nil)
}

func greet(w http.ResponseWriter, req *http.Request, session transport.UploadPackSession) error {
	refs, err := session.AdvertisedReferencesContext(req.Context())
	if err != nil {
		return err
	}
	refs.Prefix = [][]byte{[]byte("# service=git-upload-pack"), pktline.Flush}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	return refs.Encode(w)
}

var have = regexp.MustCompile("have ([0-9a-f]{40})\n")

func give(w http.ResponseWriter, req *http.Request, session transport.UploadPackSession) error {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	asked := packp.NewUploadPackRequest()
	if err := asked.Decode(bytes.NewReader(body)); err != nil {
		return err
	}
	for _, name := range have.FindAllSubmatch(body, -1) {
		asked.Haves = append(asked.Haves, plumbing.NewHash(string(name[1])))
	}
	answer, err := session.UploadPack(req.Context(), asked)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	return answer.Encode(w)
}

// Of a server that offers next to nothing all of the history is read at first,
// then what is new, and all of it again where that does not do.
func TestServerThatOffersNextToNothing(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.commit("main", "one", files{"endpoints/a.yaml": endpoint("dev"), "endpoints/b.yaml": strings.Repeat("a line\n", 50)})
	r.commit("dev", "dev", files{"deployments/d.yaml": "dev\n"})
	old := r.commit("main", "two", files{"endpoints/a.yaml": endpoint("dev", "gone"), "other/x": "x\n"})
	var fetches atomic.Int64
	f := follow(t, options(r.plainServer(&fetches)), nil)
	f.mustSync()
	for _, step := range []struct {
		name   string
		change func()
	}{
		{"nothing", func() {}},
		{"a change", func() {
			r.commit("main", "three", files{"endpoints/b.yaml": strings.Repeat("a line\n", 50) + "more\n"})
		}},
		{"a named branch only", func() { r.commit("dev", "dev 2", files{"deployments/d.yaml": "dev 2\n"}) }},
		{"a newly named branch", func() { r.move("gone", first) }},
		{"what an older commit had", func() { r.commit("main", "four", files{"endpoints/b.yaml": strings.Repeat("a line\n", 50)}) }},
		{"a rewind", func() { r.move("main", old) }},
		{"an orphan", func() {
			r.write(writing{branch: "main", message: "orphan", change: files{"endpoints/z.yaml": endpoint("dev")}})
		}},
	} {
		before := fetches.Load()
		step.change()
		r.compare(t, step.name, f.mustSync())
		if n := fetches.Load() - before; n > 2 || step.name == "nothing" && n > 0 {
			t.Errorf("%s: %d fetches", step.name, n)
		}
	}
	// To a server that breaks at what it hears is held it is not said twice.
	r.write(writing{branch: "main", message: "another", change: files{"endpoints/z.yaml": endpoint("dev") + "# 2\n"}})
	r.git("gc", "-q", "--prune=now")
	if err := f.sync(); !errors.Is(err, gitsync.ErrUnreachable) {
		t.Errorf("what is held is gone: %v", err)
	}
	r.compare(t, "afterwards", f.mustSync())
}
