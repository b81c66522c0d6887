package console

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/switchyard-gateway/switchyard/console/draft"
	"github.com/switchyard-gateway/switchyard/plan"
	"github.com/switchyard-gateway/switchyard/schema"
)

// history is what is known of kept revisions. It is found out when somebody looks,
// once for each.
type history struct {
	mu      sync.Mutex
	changes map[int]*routing   // by the number of the revision; nil: that cannot be told
	files   map[string]touched // by path, of the newest that was asked for
}

// routing is what a revision changed for callers, in the words of a plan.
type routing struct {
	Summary string
	Lines   []string // all of it
}

// touched is which revision last touched each line of a document.
type touched struct {
	newest int // the kept revision that was the newest when it was found out
	text   string
	by     []*Kept // by line; nil: before what is kept
}

// mostTouched bounds the documents that are kept in mind.
const mostTouched = 200

// tell says what each kept revision changed, against the one before.
func (c *Console) tell(kept []Kept) map[int]*routing {
	c.history.mu.Lock()
	defer c.history.mu.Unlock()
	all := map[int]*routing{}
	var before *side // of the revision that is told of next, if it was read
	for i := range slices.Backward(kept) {
		number := kept[i].Number
		if known, ok := c.history.changes[number]; ok {
			all[number], before = known, nil
			continue
		}
		if i == len(kept)-1 {
			continue // there is nothing to compare it with
		}
		if before == nil {
			before = c.side(kept[i+1])
		}
		now := c.side(kept[i])
		if before.read && now.read {
			all[number] = newRouting(before, now)
		}
		before = now
	}
	c.history.changes = all
	return all
}

// side is a kept revision in a comparison.
type side struct {
	plan *plan.Revision // nil: it would not serve any more
	read bool           // else it may be another time
}

// side reads a kept revision for a comparison.
func (c *Console) side(k Kept) *side {
	rev, err := c.o.Kept(k.Number)
	if err != nil {
		return &side{}
	}
	declared, problems := c.o.Check(rev)
	if len(problems) > 0 {
		return &side{read: true}
	}
	return &side{&plan.Revision{Revision: rev, Name: short(k.Commit), Endpoints: declared}, true}
}

// newRouting is the plan of a change in its own words, without what stands around it;
// nil if one side would not serve any more.
func newRouting(before, now *side) *routing {
	if before.plan == nil || now.plan == nil {
		return nil
	}
	p := plan.Compare(*before.plan, *now.plan)
	var text strings.Builder
	if plan.Print(&text, p, plan.FormatText, false) != nil {
		return &routing{Summary: p.Summary.Text}
	}
	_, rest, _ := strings.Cut(text.String(), "\n") // the first line names both
	rest = strings.TrimSuffix(strings.TrimSpace(rest), p.Summary.Text)
	r := &routing{Summary: p.Summary.Text}
	if rest = strings.TrimRight(rest, "\n"); rest != "" {
		r.Lines = strings.Split(rest, "\n")
	}
	return r
}

// Long reports whether it is more than belongs into a table.
func (r routing) Long() bool { return len(r.Lines) > 12 }

// touches says which kept revision last touched each line of a document that
// serves.
func (c *Console) touches(kept []Kept, doc schema.File, branch string) []*Kept {
	kept = upToLive(kept)
	if len(kept) == 0 {
		return nil
	}
	c.history.mu.Lock()
	defer c.history.mu.Unlock()
	if known, ok := c.history.files[doc.Path]; ok && known.newest == kept[0].Number && known.text == string(doc.Data) {
		return known.by
	}
	if len(c.history.files) >= mostTouched {
		clear(c.history.files)
	}
	by := c.blame(kept, doc, branch)
	c.history.files[doc.Path] = touched{kept[0].Number, string(doc.Data), by}
	return by
}

// upToLive are the kept revisions that can be read, from the one that serves on: those after
// it are what somebody went back from.
func upToLive(kept []Kept) []Kept {
	kept = slices.DeleteFunc(slices.Clone(kept), func(k Kept) bool { return k.Error != "" })
	if i := slices.IndexFunc(kept, func(k Kept) bool { return k.Live }); i > 0 {
		kept = kept[i:]
	}
	return kept
}

// blame reads the document as each revision that changed it has left it.
func (c *Console) blame(kept []Kept, doc schema.File, branch string) []*Kept {
	texts, of := [][]byte{doc.Data}, []*Kept{nil}
	for i := range kept {
		if !kept[i].changes(branch, doc.Path) {
			continue
		}
		of[len(of)-1] = &kept[i] // the text that was the newest before it
		if i+1 == len(kept) {
			break
		}
		rev, err := c.o.Kept(kept[i+1].Number)
		if err != nil || rev.Trees[branch].FS == nil {
			break
		}
		was, err := fs.ReadFile(rev.Trees[branch].FS, doc.Path)
		if err != nil {
			break // it made the document
		}
		texts, of = append(texts, bytes.Clone(was)), append(of, nil)
	}
	var by []*Kept
	for _, oldest := range draft.Since(texts...) {
		by = append(by, of[oldest])
	}
	return by
}

// changes reports whether a revision changed a file, as far as is known: of many
// files that it changed, some are not named.
func (k *Kept) changes(branch, path string) bool {
	return slices.ContainsFunc(k.Files, func(f File) bool { return f.Path == path && f.Branch == branch }) ||
		k.Added+k.Removed+k.Changed > len(k.Files)
}

// sourceLine is a line of a document that serves.
type sourceLine struct {
	No    int
	Text  string
	By    *Kept  // which revision last touched it; nil: before what is kept
	First bool   // it begins a part of that revision
	Link  string // to the commit, where its repository shows them
}

// source is a document with who last touched each part.
func (c *Console) source(kept []Kept, doc schema.File, follow Following) []sourceLine {
	by := c.touches(kept, doc, follow.Branch)
	var all []sourceLine
	for i, l := range draft.Number(doc).Lines {
		line := sourceLine{No: l.New, Text: l.Text}
		if i < len(by) && by[i] != nil {
			line.By = by[i]
			line.First = i == 0 || by[i-1] != by[i]
			line.Link = commitLink(follow.Repository, by[i].Commit)
		}
		all = append(all, line)
	}
	return all
}
