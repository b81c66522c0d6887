package console

import (
	"net/http"
)

// revisionsPage is what served, and can serve again.
type revisionsPage struct {
	Kept    []Kept
	Problem string // why there are none
	Peers   []peer
}

func (c *Console) showRevisions(v *visit) {
	kept, err := c.o.Revisions(v.r.Context())
	page := revisionsPage{Kept: kept, Peers: c.peers.ask(v.r.Context(), c.o.Peers, c.now())}
	if err != nil {
		page.Problem = sentence(err.Error())
	}
	v.show(http.StatusOK, "revisions", "Revisions", "revisions", "", page)
}
