package gitsync

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzGreeting: whatever a server says first, it is understood or refused, and
// what is understood is sound.
func FuzzGreeting(f *testing.F) {
	hash := strings.Repeat("a1", 20)
	for _, lines := range [][]string{
		{"version 2\n", "ls-refs=unborn\n", "fetch=shallow filter\n", "object-format=sha1\n", ""},
		{"# service=git-upload-pack\n", "", "version 2\n", ""},
		{"# service=git-upload-pack\n", "", hash + " HEAD\x00multi_ack side-band-64k shallow\n", hash + " refs/heads/main\n", hash + " refs/tags/a^{}\n", ""},
		{"version 1\n", hash + " refs/heads/main\x00shallow\n", "shallow " + hash + "\n", ""},
		{strings.Repeat("0", 40) + " capabilities^{}\x00shallow\n", ""},
		{"ERR no\n"},
		{"version 2\n", "object-format=sha256\n", ""},
	} {
		f.Add(pkts(lines...))
	}
	f.Add([]byte("0003"))
	f.Add([]byte("fff5" + strings.Repeat("x", 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := readGreeting(bytes.NewReader(data))
		if err != nil {
			if g != nil {
				t.Error("an error and a greeting")
			}
			return
		}
		if (g.version == 2) != (g.refs == nil) || g.capabilities == nil {
			t.Errorf("%+v", g)
		}
		for name := range g.refs {
			if name == "" || strings.ContainsAny(name, "\x00\n") && !bytes.Contains(data, []byte(name)) {
				t.Errorf("reference %q", name)
			}
		}
	})
}

// FuzzRefs: the answer to ls-refs.
func FuzzRefs(f *testing.F) {
	hash := strings.Repeat("b2", 20)
	f.Add(pkts(hash+" refs/heads/main\n", hash+" refs/tags/v1 peeled:"+strings.Repeat("c3", 20)+"\n", "unborn HEAD symref-target:refs/heads/main\n", ""))
	f.Add(pkts(hash+" HEAD symref-target:refs/heads/main\n", ""))
	f.Add(pkts(hash + " x peeled:y\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		refs, err := readRefs(bytes.NewReader(data), 10)
		if err == nil && len(refs) > 10 {
			t.Errorf("%d references", len(refs))
		}
	})
}

// FuzzAnswer: whatever answers a fetch, in any version, reading it ends, and it
// ends well only where the server marked the end.
func FuzzAnswer(f *testing.F) {
	pack := "\x01PACK\x00\x00\x00\x02\x00\x00\x00\x00"
	hash := strings.Repeat("d4", 20)
	f.Add(true, true, pkts("shallow-info\n", "shallow "+hash+"\n", "|", "packfile\n", "\x02progress", pack, ""))
	f.Add(true, true, pkts("acknowledgments\n", "NAK\n", ""))
	f.Add(true, true, pkts("packfile\n", "\x03no\n", ""))
	f.Add(false, true, pkts("shallow "+hash+"\n", "", "ACK "+hash+" common\n", "ACK "+hash+"\n", pack, ""))
	f.Add(false, true, pkts("", "NAK\n", pack, ""))
	f.Add(false, false, append(pkts("", "NAK\n"), pack[1:]...))
	f.Fuzz(func(t *testing.T, two, bands bool, data []byte) {
		g := &greeting{capabilities: capabilities{"shallow": "", "fetch": "shallow filter"}}
		if two {
			g.version = 2
		}
		if bands {
			g.capabilities["side-band-64k"] = ""
		}
		from, err := fetching{}.answer(g, bytes.NewReader(data))
		if err != nil {
			return
		}
		got, err := io.ReadAll(from)
		if len(got) > len(data) {
			t.Errorf("%d bytes out of %d", len(got), len(data))
		}
		if err == nil && (two || bands) && !bytes.Contains(data, []byte(sendFlush)) {
			t.Error("it ends well without a mark")
		}
		if errors.Is(err, io.EOF) {
			t.Error("a bare end")
		}
	})
}

// pkts encodes lines: "" is a flush, "|" a delimiter.
func pkts(lines ...string) []byte {
	var b []byte
	for _, line := range lines {
		switch line {
		case "":
			b = append(b, sendFlush...)
		case "|":
			b = append(b, sendDelim...)
		default:
			b = appendPkt(b, line)
		}
	}
	return b
}

// FuzzEntries: a tree is parsed or refused, and what is parsed is what was there.
func FuzzEntries(f *testing.F) {
	hash := strings.Repeat("\x01", 20)
	f.Add([]byte("100644 a.yaml\x00" + hash + "40000 b\x00" + hash))
	f.Add([]byte("100644 a\x00short"))
	f.Add([]byte("9 a\x00" + hash))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newStore(1 << 20)
		h, err := s.put(2, data)
		if err != nil {
			return
		}
		l, err := s.list("endpoints", h)
		if err != nil {
			if !errors.Is(err, errBroken) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("error is %v", err)
			}
			return
		}
		for _, i := range l.items {
			if i.name == "" || !bytes.Contains(data, append([]byte(i.name+"\x00"), i.hash[:]...)) {
				t.Errorf("entry %+v", i)
			}
			if err := s.large(i); err != nil {
				return
			}
		}
		if err := s.make(l); err != nil {
			return
		}
		seen := map[string]bool{}
		for _, n := range l.made.entries {
			if _, odd := entryName(n.name); seen[n.name] || odd && n.mode.IsRegular() {
				t.Errorf("entry %q, %s", n.name, n.mode)
			}
			seen[n.name] = true
		}
	})
}

// FuzzReport: whatever answers a push, it counts as done only where the server
// says so of the very reference, and what people are shown is plain text.
func FuzzReport(f *testing.F) {
	const ref = "refs/heads/main"
	report := string(pkts("unpack ok\n", "ok "+ref+"\n", ""))
	f.Add(true, pkts("\x02remote: \x1b[1mhello\x1b[0m\r\n", "\x01"+report, "\x02bye\n", ""))
	f.Add(true, pkts("\x01"+string(pkts("unpack ok\n", "ng "+ref+" pre-receive hook declined\n", "")), ""))
	f.Add(true, pkts("\x01"+report))
	f.Add(true, pkts("\x03no\n", ""))
	f.Add(false, []byte(report))
	f.Add(false, pkts("unpack ok\n", "ok refs/heads/other\n", ""))
	f.Add(false, pkts("unpack index-pack abnormal exit\n", "ok "+ref+"\n", ""))
	f.Fuzz(func(t *testing.T, bands bool, data []byte) {
		p := &push{wire: localWire{}, ref: ref}
		g := &greeting{capabilities: capabilities{}}
		if bands {
			g.capabilities["side-band-64k"] = ""
		}
		said, err := p.answer(t.Context(), g, bytes.NewReader(data))
		reported := bytes.Contains(data, []byte("unpack ok")) && (bands || bytes.Contains(data, []byte("ok "+ref)))
		if err == nil && !reported {
			t.Errorf("done: %q", data)
		}
		if declined, ok := errors.AsType[*DeclinedError](err); ok {
			said += declined.Said + declined.Reason
		}
		if strings.ContainsFunc(said, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) || !utf8.ValidString(said) {
			t.Errorf("shown: %q", said)
		}
	})
}
