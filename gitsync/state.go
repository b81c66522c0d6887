package gitsync

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// state keeps the last good revision in one file:
//
//	switchyard-revision 1 SHA-256 of the rest\n
//	a savedRevision as JSON
//
// The file is replaced as a whole by rename, so that what is found is complete
// whenever the process died. There is no lock: were two gateways given one
// folder, each would still find a whole revision, and ignore one that is not of
// its repository.
type state struct {
	dir  string
	from savedFrom
}

const (
	stateMagic = "switchyard-revision 1 "
	stateName  = "last-good.revision"
	stateTemp  = ".last-good-*.tmp"
)

// savedFrom says what a saved revision was read from. It must be equal when it
// is loaded.
type savedFrom struct {
	Repository string   `json:"repository"`
	Branch     string   `json:"branch"`
	Folders    []string `json:"folders"`
}

type savedRevision struct {
	From  savedFrom            `json:"from"`
	Saved time.Time            `json:"saved"`
	Heads map[string]savedHead `json:"heads"`
}

type savedHead struct {
	Commit  string      `json:"commit"`
	Author  string      `json:"author"`
	Subject string      `json:"subject"`
	Time    time.Time   `json:"time"`
	Tree    []savedNode `json:"tree"`
}

type savedNode struct {
	Name    string      `json:"name"`
	Mode    fs.FileMode `json:"mode"`
	Size    int64       `json:"size,omitempty"`
	Data    []byte      `json:"data,omitempty"`
	Entries []savedNode `json:"entries,omitempty"`
}

func newState(dir, repository, branch string, folders []string) *state {
	return &state{dir: dir, from: savedFrom{Repository: repository, Branch: branch, Folders: folders}}
}

func (s *state) file() string { return filepath.Join(s.dir, stateName) }

// load gives the saved revision and when it was saved; no revision and no error
// when none was saved.
func (s *state) load() (*Revision, time.Time, error) {
	s.sweep()
	data, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	saved, err := decodeState(data)
	if err != nil {
		return nil, time.Time{}, err
	}
	if saved.From.Repository != s.from.Repository || saved.From.Branch != s.from.Branch || !slices.Equal(saved.From.Folders, s.from.Folders) {
		return nil, time.Time{}, fmt.Errorf("it is of branch %s of %s", saved.From.Branch, saved.From.Repository)
	}
	if _, ok := saved.Heads[s.from.Branch]; !ok {
		return nil, time.Time{}, errors.New("it lacks the endpoints branch")
	}
	return saved.revision(), saved.Saved, nil
}

func decodeState(data []byte) (*savedRevision, error) {
	header, body, _ := bytes.Cut(data, []byte("\n"))
	sum, ok := bytes.CutPrefix(header, []byte(stateMagic))
	if !ok {
		return nil, errors.New("it has an unknown format")
	}
	want := sha256.Sum256(body)
	if string(sum) != hex.EncodeToString(want[:]) {
		return nil, errors.New("it is damaged: the checksum does not match")
	}
	var saved savedRevision
	if err := json.Unmarshal(body, &saved); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	return &saved, nil
}

// sweep removes what writes that were cut short have left.
func (s *state) sweep() {
	left, err := filepath.Glob(filepath.Join(s.dir, stateTemp))
	if err != nil {
		return
	}
	for _, file := range left {
		if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(file)
		}
	}
}

// save replaces the saved revision; when it returns nil, the new one survives a
// power cut.
func (s *state) save(r *Revision, now time.Time) error {
	body, err := json.Marshal(saveRevision(r, s.from, now))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(s.dir, stateTemp) // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = fmt.Fprintf(temp, "%s%x\n%s", stateMagic, sum, body)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), s.file()); err != nil {
		return err
	}
	return syncDir(s.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func saveRevision(r *Revision, from savedFrom, now time.Time) *savedRevision {
	out := &savedRevision{From: from, Saved: now.UTC(), Heads: map[string]savedHead{}}
	for branch, h := range r.Heads {
		out.Heads[branch] = savedHead{
			Commit: h.Commit, Author: h.Author, Subject: h.Subject, Time: h.Time,
			Tree: saveNodes(h.Tree.(tree).root.entries),
		}
	}
	return out
}

func saveNodes(nodes []*node) []savedNode {
	out := make([]savedNode, len(nodes))
	for i, n := range nodes {
		out[i] = savedNode{Name: n.name, Mode: n.mode, Size: n.size, Data: n.data, Entries: saveNodes(n.entries)}
	}
	return out
}

func (s *savedRevision) revision() *Revision {
	out := &Revision{Branch: s.From.Branch, Heads: map[string]Head{}}
	for branch, h := range s.Heads {
		out.Heads[branch] = Head{
			Commit: h.Commit, Author: h.Author, Subject: h.Subject, Time: h.Time,
			Tree: tree{root: folder(".", loadNodes(h.Tree))},
		}
	}
	return out
}

func loadNodes(saved []savedNode) []*node {
	out := make([]*node, len(saved))
	for i, n := range saved {
		out[i] = &node{name: n.Name, mode: n.Mode, size: n.Size, data: n.Data, entries: loadNodes(n.Entries)}
	}
	return out
}
