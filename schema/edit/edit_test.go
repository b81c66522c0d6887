package edit_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/switchyard-gateway/switchyard/schema"
	"github.com/switchyard-gateway/switchyard/schema/edit"
)

var update = flag.Bool("update", false, "write the goldens anew")

// Each case is a document, the changes one a line, and what comes of them.
func TestChangesLeaveAllElseAsItIs(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			before := string(find(a, "before"))
			got, said := run(t, before, string(find(a, "changes")))
			if *update {
				a.Files = []txtar.File{
					{Name: "before", Data: []byte(before)},
					{Name: "changes", Data: find(a, "changes")},
					{Name: "after", Data: []byte(got)},
					{Name: "errors", Data: []byte(said)},
				}
				if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(find(a, "after")), got); diff != "" {
				t.Errorf("the text (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(string(find(a, "errors")), said); diff != "" {
				t.Errorf("the errors (-want +got):\n%s", diff)
			}
		})
	}
}

func find(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func run(t *testing.T, before, changes string) (after, said string) {
	t.Helper()
	d, err := edit.Open(schema.File{Path: "endpoints/e.yaml", Data: []byte(before)})
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	for line := range strings.Lines(changes) {
		if err := change(d, strings.Fields(line)); err != nil {
			fmt.Fprintln(&errs, err)
		}
	}
	return string(d.Bytes()), errs.String()
}

// change makes the change that words tell.
func change(d *edit.Document, words []string) error {
	name, rest := words[1], words[2:]
	switch words[0] {
	case "weight":
		return d.SetWeight(name, float(rest[0]))
	case "percent":
		return d.SetPercent(name, float(rest[0]))
	case "enabled":
		return d.SetEnabled(name, rest[0] == "true")
	case "backend-deployment":
		return d.SetBackendDeployment(name, ref(rest))
	case "mirror-deployment":
		return d.SetMirrorDeployment(name, ref(rest))
	case "add-backend":
		return d.AddBackend(name, ref(rest), float(rest[3]))
	case "remove-backend":
		return d.RemoveBackend(name)
	case "add-mirror":
		return d.AddMirror(name, ref(rest), float(rest[3]))
	case "remove-mirror":
		return d.RemoveMirror(name)
	case "promote":
		return d.PromoteToBackend(name, float(rest[0]))
	case "promote-into":
		return d.PromoteInto(name, rest[0])
	}
	return errors.New("unknown change " + words[0])
}

func float(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return f
}

func ref(words []string) edit.Ref {
	r := edit.Ref{Branch: words[0], Name: words[1]}
	if n, err := strconv.Atoi(words[2]); err == nil {
		r.Version.Number = n
	} else {
		r.Version.Alias = words[2]
	}
	return r
}

func TestANewDocumentIsValid(t *testing.T) {
	to := edit.Ref{Branch: "feature/x", Name: "true", Version: schema.Version{Alias: "v1.0"}}
	for _, backends := range [][]edit.NewBackend{
		{{Name: "only", To: to}},
		{{Name: "a", Weight: 95, To: to}, {Name: "null", Weight: 0.5, To: to}},
	} {
		data := edit.New(backends, "header:x-user-id")
		e, problems := schema.ParseEndpoint(schema.File{Path: "endpoints/e.yaml", Data: data})
		if len(problems) > 0 {
			t.Fatalf("%v\n%s", problems, data)
		}
		if len(e.Backends) != len(backends) || e.Backends[0].Deployment.Name.V != "true" || e.Backends[0].Deployment.Version.V.Alias != "v1.0" {
			t.Errorf("it reads as %+v\n%s", e.Backends, data)
		}
	}
}
