package console

import (
	"net/http"
)

// revisionsPage is what served, and can serve again.
type revisionsPage struct {
	Kept    []keptRow
	Problem string // why there are none
	Pins    bool   // somebody can go back to them
	Peers   []peer
}

// keptRow is a revision in the list.
type keptRow struct {
	Kept
	Routing *routing // what it changed for callers; nil: that cannot be told
	Oldest  bool     // there is none to compare it with
	Link    string   // to the commit, where its repository shows them
}

func (c *Console) showRevisions(v *visit) {
	kept, err := c.o.Revisions(v.r.Context())
	page := revisionsPage{Pins: c.o.Pins, Peers: c.peers.ask(v.r.Context(), c.o.Peers, c.now())}
	if err != nil {
		page.Problem = sentence(err.Error())
	}
	told := c.tell(kept)
	for i, k := range kept {
		page.Kept = append(page.Kept, keptRow{
			Kept: k, Routing: told[k.Number], Oldest: i == len(kept)-1, Link: commitLink(v.follow.Repository, k.Commit),
		})
	}
	v.show(http.StatusOK, "revisions", "Revisions", "revisions", "", page)
}
