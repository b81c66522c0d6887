package console_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/schema"
)

// versionsUpTo is a deployment with the versions 1 to n, of which stable is the first.
func versionsUpTo(n int) string {
	var b strings.Builder
	b.WriteString("schemaVersion: 1\nversions:\n")
	for i := range n {
		fmt.Fprintf(&b, "  %d: {url: http://127.0.0.1:9/%d}\n", i+1, i+1)
	}
	return b.String() + "aliases: {stable: 1}\n"
}

// Since when a name stands for its version is found in what is kept, so that a restart is no
// change; and where it stood for it all along, no time is told.
func TestTimesOfVersionsOutliveARestart(t *testing.T) {
	served := time.Now().Add(-50 * time.Hour).Truncate(time.Second)
	deploymentsOf := []string{versionsUpTo(2), versionsUpTo(2), versionsUpTo(3), versionsUpTo(3)} // the newest last
	var kept []console.Kept
	for i := range deploymentsOf {
		k := console.Kept{Tip: console.Tip{Commit: commitOf(i + 1)}, Number: i + 1, Live: i == 3, Served: served.Add(time.Duration(i-2) * time.Hour), Changed: 1}
		k.Files = []console.File{{Kind: "changed", Branch: "main", Path: "deployments/m.yaml"}}
		kept = append([]console.Kept{k}, kept...)
	}
	files := map[string]string{
		"deployments/m.yaml": deploymentsOf[3],
		"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  a: {deployment: {branch: main, name: m, version: latest}}\n" +
			"  b: {deployment: {branch: main, name: m, version: stable}}\n",
	}
	read := 0
	s := newStage(t, files, func(o *console.Options) {
		o.Revisions = func(context.Context) ([]console.Kept, error) { return kept, nil }
		o.Kept = func(number int) (schema.Revision, error) {
			read++
			if number < 1 || number > len(deploymentsOf) {
				return schema.Revision{}, errors.New("no such revision is kept")
			}
			tree := fstest.MapFS{"deployments/m.yaml": {Data: []byte(deploymentsOf[number-1])}}
			return schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": {Commit: commitOf(number), FS: tree}}}, nil
		}
	})
	page := s.get("/console/endpoints/e").body
	at := served.UTC().Format(time.RFC3339Nano)
	if want := `<dd>version 3, 2 before, since <time datetime="` + at; !strings.Contains(page, want) {
		t.Errorf("no %q in\n%s", want, page)
	}
	if want := "<dd>version 1</dd>"; !strings.Contains(page, want) {
		t.Errorf("no %q in\n%s", want, page)
	}
	if read == 0 {
		t.Error("no revision was read")
	}
}

// What each revision changed is found out once.
func TestRevisionsAreComparedOnce(t *testing.T) {
	doc := split()["endpoints/e.yaml"]
	heavier := strings.Replace(doc, "weight: 1", "weight: 3", 1)
	read := 0
	s := newStage(t, split(), func(o *console.Options) {
		past(strings.Replace(doc, "schemaVersion: 1", "schemaVersion: 9", 1), doc, heavier, doc)(o)
		kept := o.Kept
		o.Kept = func(number int) (schema.Revision, error) {
			read++
			return kept(number)
		}
	})
	s.get("/console/revisions")
	if read != 4 {
		t.Errorf("of 4 revisions %d were read", read)
	}
	s.get("/console/revisions")
	if read != 4 {
		t.Errorf("the second time %d were read again", read-4)
	}
}
