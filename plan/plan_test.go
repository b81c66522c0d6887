package plan_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/plan"
	"github.com/switchyard-gateway/switchyard/schema"
)

// files is a tree by path.
type files map[string]string

func (f files) tree() fs.FS {
	tree := fstest.MapFS{}
	for name, text := range f {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

// revision reads files as the endpoints branch main, and others by branch.
func revision(t testing.TB, name string, main files, others map[string]files) plan.Revision {
	t.Helper()
	r := plan.Revision{Name: name, Revision: schema.Revision{
		Branch: "main", Trees: map[string]schema.Tree{"main": {FS: main.tree()}},
	}}
	for _, branch := range endpoints.Branches(r.Trees["main"], "main") {
		if f, ok := others[branch]; ok {
			r.Trees[branch] = schema.Tree{FS: f.tree()}
		}
	}
	declared, problems := gateway.Check(r.Revision, deployments.Secrets{Env: func(string) (string, bool) { return "token", true }})
	if len(problems) > 0 {
		t.Fatalf("%s: %v", name, problems)
	}
	r.Endpoints = declared
	return r
}

// compare compares two trees of the endpoints branch.
func compare(t testing.TB, from, to files) *plan.Plan {
	t.Helper()
	return plan.Compare(revision(t, "from", from, nil), revision(t, "to", to, nil))
}

// declared is a revision of endpoints that were made without documents.
func declared(all ...*endpoints.Endpoint) plan.Revision {
	return plan.Revision{
		Revision:  schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": {}}},
		Endpoints: all,
	}
}
