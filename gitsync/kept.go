package gitsync

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// A kept revision is one file:
//
//	switchyard-revision 2 SHA-256 of the rest\n
//	a keptHead as JSON\n
//	the trees, see encodeTrees, and what ties them to the commits, see
//	encodeObjects, compressed by DEFLATE
//
// The trees are no JSON, as ten thousand files in base64 would take longer to
// read than a start may; they are compressed, as ten revisions of them would
// take more of a disk than what they say is worth.
const (
	keptMagic  = "switchyard-revision 2 "
	pinMagic   = "switchyard-pin 1 "
	datesMagic = "switchyard-dates 1 "
	// largestTrees bounds what a file may unfold to. It is far above what documents
	// take; the rest of a repository is not in them.
	largestTrees = 1 << 30
)

type keptHead struct {
	From    origin             `json:"from"`
	Number  int                `json:"number"`
	Saved   time.Time          `json:"saved"`
	Heads   map[string]keptTip `json:"heads"`
	Changes Changes            `json:"changes"`
	Size    int                `json:"size"`              // of the trees before compression, in bytes
	Objects int                `json:"objects,omitempty"` // of what ties them to the commits, likewise; 0 in older files
}

type keptTip struct {
	Commit  string    `json:"commit"`
	Author  string    `json:"author"`
	Subject string    `json:"subject"`
	Time    time.Time `json:"time"`
	Object  []byte    `json:"object,omitempty"`
}

func newKeptHead(r *Revision, from origin, number int, since Changes, now time.Time) keptHead {
	out := keptHead{From: from, Number: number, Saved: now.UTC().Round(0), Heads: map[string]keptTip{}, Changes: since}
	for branch, h := range r.Heads {
		out.Heads[branch] = keptTip{Commit: h.Commit, Author: h.Author, Subject: h.Subject, Time: h.Time, Object: h.object}
	}
	return out
}

func (h keptHead) kept() Kept {
	out := Kept{
		Number: h.Number, Repository: h.From.Repository, Branch: h.From.Branch, Saved: h.Saved,
		Heads: h.heads(), Changes: h.Changes,
	}
	return out
}

func (h keptHead) heads() map[string]Head {
	out := map[string]Head{}
	for branch, t := range h.Heads {
		out[branch] = Head{Commit: t.Commit, Author: t.Author, Subject: t.Subject, Time: t.Time, object: t.Object}
	}
	return out
}

// branches in the order in which their trees are written.
func (h keptHead) branches() []string { return slices.Sorted(maps.Keys(h.Heads)) }

func encodeKept(r *Revision, head keptHead) ([]byte, error) {
	trees := encodeTrees(r, head.branches())
	objects := encodeObjects(r, head.branches())
	head.Size, head.Objects = len(trees), len(objects)
	line, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	body.Write(line)
	body.WriteByte('\n')
	w, err := flate.NewWriter(&body, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append(trees, objects...)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return seal(keptMagic, body.Bytes()), nil
}

// openKept reads the head, and gives the compressed trees.
func openKept(data []byte) (keptHead, []byte, error) {
	var head keptHead
	body, err := unseal(keptMagic, data)
	if err != nil {
		return head, nil, err
	}
	line, trees, _ := bytes.Cut(body, []byte("\n"))
	if err := json.Unmarshal(line, &head); err != nil {
		return head, nil, fmt.Errorf("it is damaged: %w", err)
	}
	if _, ok := head.Heads[head.From.Branch]; !ok {
		return head, nil, errors.New("it lacks the endpoints branch")
	}
	if min(head.Size, head.Objects) < 0 || head.Size > largestTrees || head.Objects > largestTrees-head.Size {
		return head, nil, errors.New("it is too large")
	}
	return head, trees, nil
}

func decodeKept(data []byte) (*Revision, keptHead, error) {
	head, packed, err := openKept(data)
	if err != nil {
		return nil, head, err
	}
	size := head.Size + head.Objects
	var body bytes.Buffer
	body.Grow(min(size, 64*len(packed)) + bytes.MinRead)
	if _, err := io.Copy(&body, io.LimitReader(flate.NewReader(bytes.NewReader(packed)), int64(size)+1)); err != nil {
		return nil, head, fmt.Errorf("it is damaged: %w", err)
	}
	if body.Len() != size {
		return nil, head, errors.New("it is damaged: it has another size than it says")
	}
	roots, err := decodeTrees(body.Bytes()[:head.Size], len(head.Heads))
	if err != nil {
		return nil, head, err
	}
	objects, err := decodeObjects(body.Bytes()[head.Size:])
	if err != nil {
		return nil, head, err
	}
	out := &Revision{Branch: head.From.Branch, Heads: head.heads()}
	for i, branch := range head.branches() {
		h := out.Heads[branch]
		h.Tree, h.trees = tree{root: roots[i]}, objects
		out.Heads[branch] = h
	}
	return out, head, nil
}

func encodePin(p Pin) ([]byte, error) {
	body, err := json.Marshal(p)
	return seal(pinMagic, body), err
}

func decodePin(data []byte) (*Pin, error) {
	body, err := unseal(pinMagic, data)
	if err != nil {
		return nil, err
	}
	p := &Pin{}
	if err := json.Unmarshal(body, p); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	return p, nil
}

// keptDates are how new the branches were that served, so that none comes back
// older.
type keptDates struct {
	From  origin               `json:"from"`
	Dates map[string]time.Time `json:"dates"`
}

func encodeDates(d keptDates) ([]byte, error) {
	body, err := json.Marshal(d)
	return seal(datesMagic, body), err
}

func decodeDates(data []byte) (keptDates, error) {
	var d keptDates
	body, err := unseal(datesMagic, data)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return d, fmt.Errorf("it is damaged: %w", err)
	}
	return d, nil
}

// seal puts a format's name and a checksum in front.
func seal(magic string, body []byte) []byte {
	sum := sha256.Sum256(body)
	out := make([]byte, 0, len(magic)+2*len(sum)+1+len(body))
	out = append(out, magic...)
	out = hex.AppendEncode(out, sum[:])
	out = append(out, '\n')
	return append(out, body...)
}

func unseal(magic string, data []byte) ([]byte, error) {
	header, body, _ := bytes.Cut(data, []byte("\n"))
	sum, ok := bytes.CutPrefix(header, []byte(magic))
	if !ok {
		return nil, errors.New("it has an unknown format")
	}
	want := sha256.Sum256(body)
	if string(sum) != hex.EncodeToString(want[:]) {
		return nil, errors.New("it is damaged: the checksum does not match")
	}
	return body, nil
}
