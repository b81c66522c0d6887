package console_test

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/schema"
)

// past is revisions that are kept, the newest last, each by the document that it has.
func past(documents ...string) func(*console.Options) {
	var kept []console.Kept
	for i, text := range documents {
		k := console.Kept{
			Tip:    console.Tip{Commit: commitOf(i + 1), Author: "Author " + strconv.Itoa(i+1), Subject: "Subject " + strconv.Itoa(i+1), Time: time.Now()},
			Number: i + 1, Live: i == len(documents)-1, Changed: 1, Files: []console.File{{Kind: "changed", Branch: "main", Path: "endpoints/e.yaml"}},
		}
		if i > 0 && text == documents[i-1] {
			k.Files = []console.File{{Kind: "changed", Branch: "main", Path: "endpoints/other.yaml"}}
		}
		kept = append([]console.Kept{k}, kept...)
	}
	return func(o *console.Options) {
		o.Pins = true
		o.Revisions = func(context.Context) ([]console.Kept, error) { return kept, nil }
		o.Kept = func(number int) (schema.Revision, error) {
			if number < 1 || number > len(documents) {
				return schema.Revision{}, errors.New("no such revision is kept")
			}
			tree := fstest.MapFS{"endpoints/e.yaml": {Data: []byte(documents[number-1])}}
			return schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": {Commit: commitOf(number), FS: tree}}}, nil
		}
	}
}

func commitOf(number int) string { return strings.Repeat(strconv.Itoa(number), 40) }

func TestRevisionsSayWhatTheyChangedForCallers(t *testing.T) {
	doc := split()["endpoints/e.yaml"]
	heavier := strings.Replace(doc, "weight: 1", "weight: 3", 1)
	s := newStage(t, split(), past(doc, heavier, strings.Replace(heavier, "static: 2", "static: 5", 1), strings.Replace(doc, "schemaVersion: 1", "schemaVersion: 9", 1)))
	for range 2 { // the second time it is known already
		page := s.get("/console/revisions").body
		for _, want := range []string{
			"at most 25 % of subjects of e move", "backend b", "The oldest that is kept", "of e are answered by another version",
			"what that meant to callers cannot be told any more", `href="https://git.example.com/models/commit/` + commitOf(2),
		} {
			if !strings.Contains(page, want) {
				t.Fatalf("no %q on the page:\n%s", want, page)
			}
		}
	}
}

// What is in memory only can be looked at, and not gone back to.
func TestRevisionsInMemoryAreNotGoneBackTo(t *testing.T) {
	doc := split()["endpoints/e.yaml"]
	for pins, want := range map[bool]string{true: "Go back to it", false: "are in memory only"} {
		s := newStage(t, split(), func(o *console.Options) {
			past(doc, strings.Replace(doc, "weight: 1", "weight: 3", 1))(o)
			o.Pins = pins
		})
		s.logIn("editor")
		if page := s.get("/console/revisions").body; !strings.Contains(page, want) || strings.Contains(page, "/console/pin") != pins || !strings.Contains(page, "at most 25 % of subjects of e move") {
			t.Errorf("pins %v: no %q, or orders that cannot be carried out, in\n%s", pins, want, page)
		}
	}
}

func TestLinesNameTheRevisionThatTouchedThem(t *testing.T) {
	doc := split()["endpoints/e.yaml"]
	oldest := strings.Replace(strings.Replace(doc, "  # stays", "", 1), "weight: 1", "weight: 7", 1)
	middle := strings.Replace(doc, "weight: 1", "weight: 7", 1)
	s := newStage(t, split(), past(oldest, middle, middle, doc))
	page := s.get("/console/endpoints/e").body
	var got []string
	for _, line := range regexp.MustCompile(`(?s)<tr id="L\d+".*?</tr>`).FindAllString(page, -1) {
		by := regexp.MustCompile(`title="(Subject \d), Author \d"`).FindStringSubmatch(line)
		if by == nil {
			by = []string{"", ""}
		}
		got = append(got, by[1])
	}
	want := []string{"Subject 1", "", "", "Subject 2", "Subject 4", "Subject 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s\n%s", diff, page)
	}
}
