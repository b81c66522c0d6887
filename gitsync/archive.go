package gitsync

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// archive is a state folder: the last revisions that served, one file each, and
// which of them is pinned; with signatures also how new each branch was.
//
//	0000000017-COMMIT.revision    see encodeKept
//	pin                           see encodePin
//	dates                         see encodeDates
//
// Each file is written beside its place, synced, and renamed, so that what is
// found is whole whenever the process died, and checked by its checksum when
// something else went wrong. There is no lock: were two gateways given one
// folder, each would still find whole revisions, and ignore those that are not
// of its repository.
type archive struct {
	dir  string
	from origin
	most int

	mu    sync.Mutex
	heads map[keptFile]Kept // of files that were read or written
}

const (
	keptSuffix = ".revision"
	keptTemp   = ".kept-*.tmp"
	pinName    = "pin"
	datesName  = "dates"
)

// origin says what a kept revision was read from.
type origin struct {
	Repository string   `json:"repository"`
	Branch     string   `json:"branch"`
	Folders    []string `json:"folders"`
}

func (o origin) equal(p origin) bool {
	return o.Repository == p.Repository && o.Branch == p.Branch && slices.Equal(o.Folders, p.Folders)
}

// Kept describes one revision in a state folder.
type Kept struct {
	Number     int             // counts the revisions that were kept
	Repository string          // URL or path without credentials
	Branch     string          // the endpoints branch
	Saved      time.Time       // when it began to serve
	Heads      map[string]Head // by branch; without trees
	Changes    Changes         // since the one that was kept before
	Live       bool            // it serves
	Pinned     bool
	Err        error // why the file cannot be used; then only Number, and of Heads the commit of the empty branch, are known
}

// Commit is that of the endpoints branch.
func (k Kept) Commit() string { return k.Heads[k.Branch].Commit }

func (k Kept) key() string { return (&Revision{Branch: k.Branch, Heads: k.Heads}).key() }

// keptFile is what the name of a file in the folder says.
type keptFile struct {
	number int
	commit string
}

func (k Kept) file() keptFile { return keptFile{k.Number, k.Commit()} }

func newArchive(dir string, from origin, most int) *archive {
	return &archive{dir: dir, from: from, most: most, heads: map[keptFile]Kept{}}
}

func (a *archive) path(f keptFile) string {
	return filepath.Join(a.dir, fmt.Sprintf("%010d-%s%s", f.number, f.commit, keptSuffix))
}

func (a *archive) pinFile() string   { return filepath.Join(a.dir, pinName) }
func (a *archive) datesFile() string { return filepath.Join(a.dir, datesName) }

// open sweeps the folder and lists its files; none if there is no folder yet.
func (a *archive) open() ([]keptFile, error) {
	a.sweep()
	return a.files()
}

// files lists the kept revisions by number, the newest last.
func (a *archive) files() ([]keptFile, error) {
	entries, err := os.ReadDir(a.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []keptFile
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), keptSuffix)
		digits, commit, cut := strings.Cut(name, "-")
		number, err := strconv.Atoi(digits)
		if ok && cut && err == nil && number > 0 && filepath.Base(a.path(keptFile{number, commit})) == e.Name() {
			out = append(out, keptFile{number, commit})
		}
	}
	slices.SortFunc(out, func(x, y keptFile) int { return x.number - y.number })
	return out, err
}

// find is the file that somebody means by a number or by a commit.
func (a *archive) find(which string) (keptFile, error) {
	files, err := a.files()
	if err != nil {
		return keptFile{}, err
	}
	if number, err := strconv.Atoi(which); err == nil && len(which) < fewestDigits {
		i := slices.IndexFunc(files, func(f keptFile) bool { return f.number == number })
		if i < 0 {
			return keptFile{}, fmt.Errorf("%w: there is no number %d", ErrNotKept, number)
		}
		return files[i], nil
	}
	prefix, err := commitPrefix(which)
	if err != nil {
		return keptFile{}, err
	}
	var found keptFile
	for _, f := range files {
		if !strings.HasPrefix(f.commit, prefix) {
			continue
		}
		if found.commit != "" && found.commit != f.commit {
			return keptFile{}, fmt.Errorf("%w: %s and %s begin with %s", ErrAmbiguous, found.commit, f.commit, prefix)
		}
		found = f
	}
	if found.commit == "" {
		return keptFile{}, fmt.Errorf("%w: none begins with %s", ErrNotKept, prefix)
	}
	return found, nil
}

// load reads a kept revision.
func (a *archive) load(f keptFile) (*Revision, Kept, error) {
	data, err := os.ReadFile(a.path(f))
	if err != nil {
		return nil, Kept{}, err
	}
	revision, head, err := decodeKept(data)
	if err != nil {
		return nil, Kept{}, err
	}
	if err := a.belongs(f, head); err != nil {
		return nil, Kept{}, err
	}
	kept := head.kept()
	a.remember(f, kept)
	return revision, kept, nil
}

// belongs checks that a file is what its name says, and of this repository.
func (a *archive) belongs(f keptFile, head keptHead) error {
	if head.Number != f.number || head.Heads[head.From.Branch].Commit != f.commit {
		return errors.New("it is not what its name says")
	}
	if a.from.Branch != "" && !a.from.equal(head.From) {
		return fmt.Errorf("it is of branch %s of %s", head.From.Branch, head.From.Repository)
	}
	return nil
}

func (a *archive) remember(f keptFile, kept Kept) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heads[f] = kept
}

// head describes a file, which is read at most once.
func (a *archive) head(f keptFile) Kept {
	a.mu.Lock()
	kept, known := a.heads[f]
	a.mu.Unlock()
	if known {
		return kept
	}
	data, err := os.ReadFile(a.path(f))
	var head keptHead
	if err == nil {
		head, _, err = openKept(data)
	}
	if err == nil {
		err = a.belongs(f, head)
	}
	if err != nil {
		return Kept{Number: f.number, Heads: map[string]Head{"": {Commit: f.commit}}, Err: err}
	}
	kept = head.kept()
	a.remember(f, kept)
	return kept
}

// list describes all files, the newest first.
func (a *archive) list() ([]Kept, error) {
	files, err := a.files()
	out := make([]Kept, len(files))
	for i, f := range files {
		out[len(files)-1-i] = a.head(f)
	}
	return out, err
}

// save keeps a revision as the newest one. was is the one that was kept before
// it, or nil. When save returns nil, the file survives a power cut. A revision
// that serves again is not kept twice, and the oldest go above the limit.
func (a *archive) save(r, was *Revision, now time.Time) error {
	files, err := a.files()
	if err != nil {
		return err
	}
	number := 1
	if len(files) > 0 {
		number = files[len(files)-1].number + 1
	}
	head := newKeptHead(r, a.from, number, changes(was, r), now)
	data, err := encodeKept(r, head)
	if err != nil {
		return err
	}
	f := keptFile{number, r.Commit()}
	if err := a.write(a.path(f), data); err != nil {
		return err
	}
	a.remember(f, head.kept())
	a.prune(files, r.key())
	return nil
}

// prune removes what another file holds as well, and the oldest, so that with
// the one that was just written as many are left as there may be. What is pinned
// stays, and so does what cannot be removed.
func (a *archive) prune(before []keptFile, key string) {
	pin, _ := a.pin(nil)
	left := len(before) + 1
	for _, f := range before {
		again := false
		if kept := a.head(f); kept.Err == nil {
			again = kept.key() == key
		}
		if pin.is(f) || !again && left <= a.most {
			continue
		}
		if os.Remove(a.path(f)) == nil {
			left--
			a.mu.Lock()
			delete(a.heads, f)
			a.mu.Unlock()
		}
	}
}

// sweep removes what writes that were cut short have left.
func (a *archive) sweep() {
	left, err := filepath.Glob(filepath.Join(a.dir, keptTemp))
	if err != nil {
		return
	}
	for _, file := range left {
		if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(file)
		}
	}
}

// pin is what is pinned, or nil. A pin that cannot be read says that somebody went
// back, but not to which of the files: it is taken for one of the newest, with the
// error, so that nothing that is newer serves.
func (a *archive) pin(files []keptFile) (*Pin, error) {
	data, err := os.ReadFile(a.pinFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var pin *Pin
	if err == nil {
		pin, err = decodePin(data)
	}
	if err != nil && len(files) > 0 {
		newest := files[len(files)-1]
		return &Pin{Number: newest.number, Commit: newest.commit, Since: time.Now().UTC()}, err
	}
	return pin, err
}

func (a *archive) savePin(p Pin) error {
	data, err := encodePin(p)
	if err != nil {
		return err
	}
	return a.write(a.pinFile(), data)
}

// dates are how new the branches of this repository were, or nil.
func (a *archive) dates() (map[string]time.Time, error) {
	data, err := os.ReadFile(a.datesFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	kept, err := decodeDates(data)
	if err != nil || !a.from.equal(kept.From) {
		return nil, err
	}
	return kept.Dates, nil
}

func (a *archive) saveDates(dates map[string]time.Time) error {
	data, err := encodeDates(keptDates{From: a.from, Dates: dates})
	if err != nil {
		return err
	}
	return a.write(a.datesFile(), data)
}

func (a *archive) unpin() error {
	if err := os.Remove(a.pinFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(a.dir)
}

// write replaces a file; when it returns nil, the new one survives a power cut.
func (a *archive) write(path string, data []byte) error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(a.dir, keptTemp) // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return syncDir(a.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
