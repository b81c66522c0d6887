package pointer_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/pointer"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// enter goes down a way of tokens; those in brackets are elements of arrays.
func enter(w *pointer.Walk, way ...string) (marks pointer.Marks) {
	for _, token := range way {
		if inner, ok := strings.CutPrefix(token, "["); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(inner, "]"))
			if err != nil {
				panic(err)
			}
			marks = w.Element(n)
			continue
		}
		marks = w.Member([]byte(token))
	}
	return marks
}

func TestPatternsLeadToTheirPlaces(t *testing.T) {
	var set pointer.Set
	for i, s := range []string{"/ssn", "/messages/*/content", "/a~1b/~0c", "/items/1", "/*/id"} {
		p, err := pointer.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		set.Add(p, 1<<i)
	}
	for way, want := range map[string]pointer.Marks{
		"ssn": 1, "ssn x": 0, "x ssn": 0, "messages": 0, "messages [0] content": 2, "messages any content": 2, "messages [0] x": 0,
		"a/b ~c": 4, "items [1]": 8, "items [2]": 0, "items 1": 8, "messages id": 16, "items [0] id": 0, "[3] id": 16, "ssn id": 16,
	} {
		if got := enter(set.Walk(), strings.Fields(way)...); got != want {
			t.Errorf("%s: marks %b, want %b", way, got, want)
		}
	}
}

func TestALeftPlaceIsForgotten(t *testing.T) {
	var set pointer.Set
	p, err := pointer.Parse("/a/b")
	if err != nil {
		t.Fatal(err)
	}
	set.Add(p, 1)
	w := set.Walk()
	var got []any
	got = append(got, w.Below(), enter(w, "x"), w.Below())
	w.Leave()
	got = append(got, enter(w, "a"), w.Below(), enter(w, "b"), w.Below())
	w.Leave()
	got = append(got, enter(w, "b"))
	w.Begin(&set)
	got = append(got, enter(w, "a", "b"))
	marks := func(m pointer.Marks) any { return m }
	if diff := cmp.Diff([]any{true, marks(0), false, marks(0), true, marks(1), false, marks(1), marks(1)}, got); diff != "" {
		t.Error(diff)
	}
}

func TestBadPointersAreRefused(t *testing.T) {
	for _, s := range []string{"", "a", "a/b", "/~", "/a~2", "/~0/~"} {
		if _, err := pointer.Parse(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
}

// FuzzWalk compares with a naive reading: a way is split as the pattern is, and
// each token compared.
func FuzzWalk(f *testing.F) {
	f.Add("/a/*/b", "/a/0/b")
	f.Add("/~0~1", "/~0~1")
	f.Add("/*/*", "/x/y/z")
	f.Add("//", "//")
	f.Fuzz(func(t *testing.T, s, way string) {
		p, err := pointer.Parse(s)
		if err != nil {
			return
		}
		if _, err := pointer.Parse(way); err != nil {
			return
		}
		var set pointer.Set
		set.Add(p, 1)
		w := set.Walk()
		want := strings.Split(s, "/")[1:]
		steps := strings.Split(way, "/")[1:]
		leads := len(want) == len(steps)
		var last pointer.Marks
		var written []byte
		for i, step := range steps {
			name := schema.UnescapeToken(step)
			written = pointer.AppendToken(written, name)
			last = w.Member([]byte(name))
			leads = leads && (want[i] == "*" || want[i] == step)
		}
		if (last == 1) != leads {
			t.Errorf("%q leads to %q: %v, want %v", s, way, last == 1, leads)
		}
		if string(written) != way {
			t.Errorf("%q is written as %q", way, written)
		}
		for range steps {
			w.Leave()
		}
		if !w.Below() {
			t.Error("the root is not where it began")
		}
	})
}

func TestWalkingDoesNotAllocate(t *testing.T) {
	var set pointer.Set
	p, err := pointer.Parse("/a/*/b")
	if err != nil {
		t.Fatal(err)
	}
	set.Add(p, 1)
	w := set.Walk()
	a, b := []byte("a"), []byte("b")
	walk := func() {
		w.Begin(&set)
		w.Member(a)
		w.Element(7)
		w.Member(b)
		w.Leave()
		w.Leave()
		w.Leave()
	}
	walk()
	if n := testbed.Allocs(100, walk); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
