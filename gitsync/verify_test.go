package gitsync_test

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/gitsync/signature"
)

// signer makes an ssh key with ssh-keygen and gives its path.
func signer(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("there is no ssh-keygen")
	}
	if err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	return path
}

// allow writes a file of allowed signers with the keys.
func allow(t *testing.T, path string, keys ...string) {
	t.Helper()
	var lines strings.Builder
	for _, key := range keys {
		public, err := os.ReadFile(key + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		lines.WriteString("ada@example.com namespaces=\"git\" " + string(public))
	}
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func verified(t *testing.T, o gitsync.Options, keys ...string) gitsync.Options {
	t.Helper()
	o.Verify = &gitsync.Verify{Keys: signature.Keys{AllowedSigners: filepath.Join(t.TempDir(), "allowed")}}
	allow(t, o.Verify.Keys.AllowedSigners, keys...)
	return o
}

// at dates all further commits.
func at(t *testing.T, date string) { t.Setenv("GIT_COMMITTER_DATE", date) }

func TestOnlySignedTipsServe(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		good, bad := signer(t), signer(t)
		r.key = good
		r.commit("dev", "dev 1", files{"deployments/d.yaml": "1\n"})
		first := r.commit("main", "main 1", files{"endpoints/a.yaml": endpoint("dev")})
		f := follow(t, verified(t, o, good), nil)
		f.mustSync()
		signers := f.Status().Signers
		if len(signers) != 2 || signers["main"].Kind != "ssh" || !strings.HasPrefix(signers["main"].Key, "SHA256:") || signers["dev"] != signers["main"] {
			t.Errorf("signers are %v", signers)
		}
		refused := func(what, commit string) {
			t.Helper()
			err := f.sync()
			if !errors.Is(err, gitsync.ErrUnverified) || !strings.Contains(err.Error(), commit) {
				t.Errorf("%s: %v", what, err)
			}
			if live := f.Status().Live.Commit(); live != first {
				t.Errorf("%s: %s serves", what, live)
			}
		}
		r.key = ""
		refused("unsigned", r.commit("main", "main 2", nil))
		r.key = bad
		refused("unknown key", r.commit("main", "main 3", nil))
		r.key = good
		r.commit("main", "main 4", nil)
		r.key = ""
		refused("unsigned named branch", r.commit("dev", "dev 2", nil))
		r.key = good
		r.commit("dev", "dev 3", nil)
		f.mustSync()
		if n := f.offered(); n != 2 {
			t.Errorf("%d revisions were offered", n)
		}
	})
}

func TestSignedMergeServes(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	key := signer(t)
	r.key = key
	r.move("side", r.commit("main", "one", files{"endpoints/a.yaml": endpoint()}))
	r.commit("side", "side", nil)
	r.commit("main", "two", nil)
	want := r.write(writing{branch: "main", message: "merge", parents: []string{"main", "side"}})
	f := follow(t, verified(t, options(r.bare), key), nil)
	if got := f.mustSync().Commit(); got != want {
		t.Errorf("%s serves, not %s", got, want)
	}
}

// Who can push, but not sign, must not bring back what was signed before.
func TestRewindIsRefused(t *testing.T) {
	r := newRepo(t)
	key := signer(t)
	r.key = key
	at(t, "2026-01-01T00:00:00Z")
	first := r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	at(t, "2026-01-02T00:00:00Z")
	second := r.commit("main", "two", nil)
	o := verified(t, options(r.bare), key)
	o.StateDir = t.TempDir()
	f := follow(t, o, nil)
	f.mustSync()
	r.move("main", first)
	if err := f.sync(); !errors.Is(err, gitsync.ErrRewound) || f.Status().Live.Commit() != second {
		t.Fatalf("rewind gave %v", err)
	}
	if err := f.stop(); err == nil {
		t.Fatal("Run ended by itself")
	}
	again := follow(t, o, nil)
	if err := again.sync(); !errors.Is(err, gitsync.ErrRewound) || again.Status().Live.Commit() != second {
		t.Fatalf("rewind after a restart gave %v", err)
	}
	o.Verify = &gitsync.Verify{Keys: o.Verify.Keys, AllowRewind: true}
	o.StateDir = ""
	_ = again.stop()
	if got := follow(t, o, nil).mustSync().Commit(); got != first {
		t.Errorf("%s serves", got)
	}
}

func TestKeysAreReadAgain(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	key, other := signer(t), signer(t)
	r.key = key
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	o := verified(t, options(r.bare), other)
	o.Poll = 20e6
	f := follow(t, o, nil)
	if err := f.sync(); !errors.Is(err, gitsync.ErrUnverified) {
		t.Fatalf("an unknown key gave %v", err)
	}
	allow(t, o.Verify.Keys.AllowedSigners, other, key)
	eventually(t, func() bool { return f.Status().Live != nil })
	if err := os.Remove(o.Verify.Keys.AllowedSigners); err != nil {
		t.Fatal(err)
	}
	r.commit("main", "two", nil)
	if err := f.sync(); !errors.Is(err, gitsync.ErrUnverified) {
		t.Errorf("without the file: %v", err)
	}
}

// What was kept without signatures, or by a key that is trusted no more, does
// not serve at a start.
func TestKeptRevisionsAreVerified(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	key, other := signer(t), signer(t)
	r.key = key
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	o := options(r.bare)
	o.StateDir = t.TempDir()
	f := follow(t, o, nil)
	f.mustSync()
	eventually(t, func() bool { return len(keptFiles(t, o.StateDir)) == 1 })
	_ = f.stop()
	o.URL = r.bare
	if err := os.Rename(r.bare, r.bare+".away"); err != nil {
		t.Fatal(err)
	}
	refusing := follow(t, verified(t, o, other), nil)
	if err := refusing.sync(); err == nil || refusing.Status().Live != nil {
		t.Errorf("an untrusted kept revision serves: %v", err)
	}
	_ = refusing.stop()
	taking := follow(t, verified(t, o, key), nil)
	eventually(t, func() bool { return taking.Status().Live != nil })
}

// A state file that somebody has changed, with a right checksum, does not serve in
// place of what was signed; the one before it does.
func TestChangedStateFilesDoNotServe(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	key := signer(t)
	r.key = key
	o := verified(t, options(r.bare), key)
	o.StateDir = t.TempDir()
	commits := history(t, r, o, 2)
	newest := keptFiles(t, o.StateDir)[1]
	data, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, old, new string
		verify         bool
		want           string
	}{
		{"as it was", "", "", true, commits[1]},
		{"a document", "# 1", "# 2", true, commits[0]},
		{"a name", "a.yaml", "b.yaml", true, commits[0]},
		{"a document, and nobody verifies", "# 1", "# 2", false, commits[1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(newest, altered(t, data, c.old, c.new), 0o600); err != nil {
				t.Fatal(err)
			}
			o := o
			if !c.verify {
				o.Verify = nil
			}
			f := offline(t, o, r, nil)
			f.serves(t, c.want)
			if told := strings.Contains(f.log.String(), "somebody has changed the state file"); told != (c.want != commits[1]) {
				t.Errorf("log is %s", f.log)
			}
		})
	}
}

// altered replaces a text in all that a state file holds of a revision's trees.
func altered(t *testing.T, data []byte, old, replacement string) []byte {
	t.Helper()
	parts := bytes.SplitN(data, []byte("\n"), 3)
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(parts[2])))
	if err != nil {
		t.Fatal(err)
	}
	if old != "" && !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%q is not in the file", old)
	}
	var body bytes.Buffer
	body.Write(append(parts[1], '\n'))
	w, err := flate.NewWriter(&body, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if old != "" {
		text = bytes.ReplaceAll(text, []byte(old), []byte(replacement))
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := parts[0][:bytes.LastIndexByte(parts[0], ' ')]
	return fmt.Appendf(nil, "%s %x\n%s", name, sha256.Sum256(body.Bytes()), body.Bytes())
}

// A branch that no endpoint names for a while is not forgotten by a restart, nor
// when the revisions that named it are kept no more.
func TestBranchesThatWentAwayDoNotComeBackOlder(t *testing.T) {
	r := newRepo(t)
	key := signer(t)
	r.key = key
	at(t, "2026-01-01T00:00:00Z")
	old := r.commit("dev", "dev 1", files{"deployments/d.yaml": "1\n"})
	at(t, "2026-01-02T00:00:00Z")
	r.commit("dev", "dev 2", files{"deployments/d.yaml": "2\n"})
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint("dev")})
	o := verified(t, options(r.bare), key)
	o.StateDir, o.Keep = t.TempDir(), 1
	f := follow(t, o, nil)
	f.mustSync()
	at(t, "2026-01-03T00:00:00Z")
	r.commit("main", "two", files{"endpoints/a.yaml": endpoint()})
	f.mustSync()
	_ = f.stop()
	at(t, "2026-01-04T00:00:00Z")
	r.move("dev", old)
	r.commit("main", "three", files{"endpoints/a.yaml": endpoint("dev")})
	f = follow(t, o, nil)
	if err := f.sync(); !errors.Is(err, gitsync.ErrRewound) {
		t.Errorf("dev came back older: %v", err)
	}
	_ = f.stop()
	// Damaged, the dates are those of what is kept.
	if err := os.Truncate(filepath.Join(o.StateDir, "dates"), 10); err != nil {
		t.Fatal(err)
	}
	f = follow(t, o, nil)
	f.mustSync()
	if !strings.Contains(f.log.String(), "the dates of branches are ignored") {
		t.Errorf("log is %s", f.log)
	}
}

// What a failed pin was refused for is not what the newest revision was refused for.
func TestKeysAreReadAgainAfterAFailedPin(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	key, other := signer(t), signer(t)
	r.key = key
	o := verified(t, options(r.bare), key)
	o.StateDir, o.Poll = t.TempDir(), 20e6
	first := history(t, r, o, 2)[0]
	f := follow(t, o, func(rev *gitsync.Revision) error {
		if rev.Commit() == first {
			return errSecret
		}
		return nil
	})
	f.mustSync()
	r.key = other
	tip := r.commit("main", "by another key", files{"endpoints/a.yaml": "three\n"})
	if err := f.sync(); !errors.Is(err, gitsync.ErrUnverified) {
		t.Fatalf("an unknown key gave %v", err)
	}
	if err := f.pin("1"); !errors.Is(err, errSecret) {
		t.Fatalf("pin: %v", err)
	}
	allow(t, o.Verify.Keys.AllowedSigners, key, other)
	eventually(t, func() bool { return f.Status().Live.Commit() == tip })
}
