package gateway_test

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/schema"
)

// manyEndpoints is a revision of n endpoints that split.
func manyEndpoints(n int) schema.Revision {
	tree := files{"deployments/m.yaml": deployment("http://127.0.0.1:1/")}
	for i := range n {
		tree[fmt.Sprintf("endpoints/e%d.yaml", i)] = modelbitSplit
	}
	return revision(tree, 1)
}

func newBareGateway() *gateway.Gateway {
	return gateway.New(gateway.Options{
		Pool: deployments.NewPool(deployments.PoolOptions{}), Logger: zerolog.Nop(),
		Records: record.NewLog(record.Options{Writer: io.Discard}),
	})
}

// BenchmarkApply compiles and swaps in 10,000 endpoints.
func BenchmarkApply(b *testing.B) {
	rev, g := manyEndpoints(10_000), newBareGateway()
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Apply(rev); err != nil {
			b.Fatal(err)
		}
	}
}

// frozen is a tree as gitsync gives it: its entries tell whether they are the
// same as before.
type frozen struct {
	fstest.MapFS
	listed map[string][]fs.DirEntry
}

type frozenEntry struct{ fs.DirEntry }

func (*frozenEntry) Immutable() {}

func (f frozen) ReadDir(name string) ([]fs.DirEntry, error) { return f.listed[name], nil }

// freeze lists the entries of a tree, the unchanged ones from before.
func freeze(b *testing.B, tree fstest.MapFS, before frozen) frozen {
	now := frozen{MapFS: tree, listed: map[string][]fs.DirEntry{}}
	for _, folder := range []string{"endpoints", "deployments"} {
		entries, err := fs.ReadDir(tree, folder)
		if err != nil {
			b.Fatal(err)
		}
		for i, e := range entries {
			path := folder + "/" + e.Name()
			if len(before.listed[folder]) > i && before.MapFS[path] == tree[path] {
				now.listed[folder] = append(now.listed[folder], before.listed[folder][i])
				continue
			}
			now.listed[folder] = append(now.listed[folder], &frozenEntry{e})
		}
	}
	return now
}

// BenchmarkApplyOneChanged swaps in 10,000 endpoints of which one has changed.
func BenchmarkApplyOneChanged(b *testing.B) {
	g := newBareGateway()
	revisions := [2]schema.Revision{manyEndpoints(10_000), manyEndpoints(10_000)}
	tree := revisions[0].Trees["main"].FS.(fstest.MapFS)
	changed := maps.Clone(tree)
	changed["endpoints/e5000.yaml"] = &fstest.MapFile{Data: []byte(modelbitSplit + "timeout: 10s\n"), Mode: 0o644}
	first := freeze(b, tree, frozen{})
	revisions[0].Trees["main"] = schema.Tree{Commit: "one", FS: first}
	revisions[1].Trees["main"] = schema.Tree{Commit: "other", FS: freeze(b, changed, first)}
	for i := range revisions {
		if err := g.Apply(revisions[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := g.Apply(revisions[i%2]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRouting finds one endpoint among n and answers without an attempt.
func BenchmarkRouting(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := newBareGateway()
			if err := g.Apply(manyEndpoints(n)); err != nil {
				b.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, fmt.Sprintf("/v1/e%d/../x", n/2), http.NoBody)
			b.ReportAllocs()
			for b.Loop() {
				g.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
