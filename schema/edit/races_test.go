package edit_test

import (
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/schema"
	"github.com/switchyard-gateway/switchyard/schema/edit"
)

func TestARaceIsMetOnlyWhereNobodyElseChanged(t *testing.T) {
	const was = "schemaVersion: 1\nbackends:\n  a: {static: 1, weight: 1}\n  b: {static: 2, weight: 1}\n"
	mine := open(t, was)
	if err := mine.SetWeight("a", 3); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		was: true,
		strings.Replace(was, "static: 2, weight: 1", "static: 2, weight: 9", 1): true,
		"# news\n" + was: true,
		strings.Replace(was, "static: 1, weight: 1", "static: 1, weight: 2", 1): false,
		"schemaVersion: 1\nbackends:\n  b: {static: 2}\n":                       false,
	} {
		if got := mine.Meets(open(t, was), open(t, text)); got != want {
			t.Errorf("%v instead of %v for\n%s", got, want, text)
		}
	}
}

// A reference is one value, and a mirror is one of several: who changes a part of
// the one has changed all of it, and who removes the last of the others has not
// changed those that come meanwhile.
func TestARaceIsAboutWholeReferencesAndSingleMirrors(t *testing.T) {
	const was = "schemaVersion: 1\nbackends:\n  a: {deployment: {branch: main, name: x, version: 3}}\n" +
		"mirrors:\n  m: {deployment: {branch: main, name: y, version: 3}}\n"
	to := func(name string) edit.Ref {
		return edit.Ref{Branch: "main", Name: name, Version: schema.Version{Number: 4}}
	}
	answers, copies := strings.Replace(was, "name: x", "name: x2", 1), strings.Replace(was, "name: y", "name: y2", 1)
	another := was + "  n: {deployment: {branch: main, name: y, version: 3}}\n"
	for what, test := range map[string]struct {
		mine  func(*edit.Document) error
		meets map[string]bool
	}{
		"a backend's version": {
			func(d *edit.Document) error { return d.SetBackendDeployment("a", to("x")) },
			map[string]bool{answers: false, copies: true, another: true},
		},
		"a mirror's version": {
			func(d *edit.Document) error { return d.SetMirrorDeployment("m", to("y")) },
			map[string]bool{answers: true, copies: false, another: true},
		},
		"the mirror goes": {
			func(d *edit.Document) error { return d.RemoveMirror("m") },
			map[string]bool{answers: true, copies: false, another: true},
		},
		"the mirror answers": {
			func(d *edit.Document) error { return d.PromoteInto("a", "m") },
			map[string]bool{answers: false, copies: false, another: true},
		},
		"the mirror becomes a backend": {
			func(d *edit.Document) error { return d.PromoteToBackend("m", 1) },
			map[string]bool{answers: true, copies: false, another: true},
		},
	} {
		mine := open(t, was)
		if err := test.mine(mine); err != nil {
			t.Fatal(err)
		}
		for text, want := range test.meets {
			if got := mine.Meets(open(t, was), open(t, text)); got != want {
				t.Errorf("%s: %v instead of %v for\n%s", what, got, want, text)
			}
		}
	}
}

func open(t *testing.T, text string) *edit.Document {
	t.Helper()
	d, err := edit.Open(schema.File{Path: "endpoints/e.yaml", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
