package gitsync

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// endless says the same for ever, and counts.
type endless struct {
	text  []byte
	given int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		at := int(e.given % int64(len(e.text)))
		some := copy(p[n:], e.text[at:])
		n, e.given = n+some, e.given+int64(some)
	}
	return n, nil
}

type input struct{ bytes.Buffer }

func (*input) Close() error { return nil }

// What a server says over ssh before a pack is bounded as over http: in bytes.
func TestTalkativeServersAreCutShort(t *testing.T) {
	const limit = 1 << 20
	line := string(appendPkt(nil, strings.Repeat("ab", 20)+" refs/heads/"+strings.Repeat("x", 60_000)+"\n"))
	for _, version := range []int{0, 2} {
		out := &endless{text: []byte(line)}
		v := &sshVisit{wire: &sshWire{max: limit}, in: &input{}, out: out, greeted: &greeting{version: version}}
		answer, err := v.exchange(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = readRefs(answer, 1000); err == nil {
			t.Error("references without end are taken")
		}
		if out.given > limit+beforePack {
			t.Errorf("%d bytes were read", out.given)
		}
	}
}

// Capabilities are joined where they come again, so that few bytes of them are enough.
func TestCapabilitiesAreBounded(t *testing.T) {
	out := &endless{text: appendPkt(nil, "fetch="+strings.Repeat("x", 1000)+"\n")}
	in := io.MultiReader(bytes.NewReader(appendPkt(nil, "version 2\n")), io.LimitReader(out, 10<<20))
	if g, err := readGreeting(in); err == nil || g != nil {
		t.Errorf("capabilities without end are taken: %v", err)
	}
	if out.given > maxCapabilities+4<<10 {
		t.Errorf("%d bytes were read", out.given)
	}
}
