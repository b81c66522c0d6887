package gitsync

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// packOf makes a pack of two similar trees with git, which holds deltas.
func packOf(t testing.TB, args ...string) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r")
	script := `git init -q -b main "$0" && cd "$0" && git config user.name A && git config user.email a@b.c &&
		seq 2000 > a && git add a && git commit -qm one && cp a b && echo more >> b && git add b && git commit -qm two &&
		git rev-list --objects --all | cut -c1-40 | git pack-objects -q --stdout "$@"`
	out, err := exec.CommandContext(t.Context(), "sh", append([]string{"-c", script, dir}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPackWithDeltasIsReadWhole(t *testing.T) {
	for _, args := range [][]string{nil, {"--delta-base-offset"}} {
		pack := packOf(t, args...)
		into := newStore(1 << 20)
		if err := readPack(into, bytes.NewReader(pack)); err != nil {
			t.Fatal(err)
		}
		kinds := map[plumbing.ObjectType]int{}
		var most int64
		for _, o := range into.objects {
			kinds[o.kind]++
			most = max(most, o.size)
		}
		if kinds[plumbing.CommitObject] != 2 || kinds[plumbing.TreeObject] != 2 || kinds[plumbing.BlobObject] != 2 || most < 8000 {
			t.Errorf("%q: objects are %v, the largest has %d bytes", args, kinds, most)
		}
		into.retain()
		if into.bytes != 0 {
			t.Errorf("an empty store counts %d bytes", into.bytes)
		}
	}
}

func TestPackIsRefusedBeforeItIsInflatedBeyondTheLimit(t *testing.T) {
	if err := readPack(newStore(4<<10), bytes.NewReader(packOf(t))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error is %v", err)
	}
}

// An object that comes again costs nothing to keep, but something to remember.
func TestPackThatRepeatsAnObjectIsBounded(t *testing.T) {
	const times = 50_000
	pack := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), times)
	pack = append(pack, strings.Repeat("\x30\x78\x9c\x03\x00\x00\x00\x00\x01", times)...) // empty blobs
	if err := readPack(newStore(1<<20), bytes.NewReader(pack)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error is %v", err)
	}
}

// FuzzReadPack: whatever a server sends, reading ends with an error that is
// known, and the store stays within its limit.
func FuzzReadPack(f *testing.F) {
	pack := packOf(f, "--delta-base-offset")
	f.Add(pack)
	f.Add(packOf(f))
	f.Add(pack[:len(pack)/2])
	f.Add([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff"))
	f.Add([]byte(strings.Repeat("x", 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 256 << 10
		into := newStore(limit)
		if err := readPack(into, bytes.NewReader(data)); err != nil && !errors.Is(err, errBroken) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("error is %v", err)
		}
		var sum int64
		for h, o := range into.objects {
			sum += int64(len(o.data)) + objectCost
			if o.data != nil && plumbing.ComputeHash(o.kind, o.data) != h {
				t.Errorf("%s has another content", h)
			}
		}
		if sum != into.bytes || sum > limit {
			t.Errorf("the store holds %d bytes, counts %d, may hold %d", sum, into.bytes, limit)
		}
	})
}
