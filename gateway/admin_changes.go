package gateway

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/switchyard-gateway/switchyard/schema"
)

// changes are the calls of the admin listener that change what serves, and the
// list of what it can be changed to.
func (g *Gateway) changes(r chi.Router, o AdminOptions) {
	r.Post("/sync", func(w http.ResponseWriter, r *http.Request) {
		sync := o.Sync
		if r.URL.Query().Has("accept") && o.Accept != nil {
			sync = with(o.Accept, r.URL.Query().Get("accept"))
		}
		g.change(w, r, sync)
	})
	if o.Pin == nil {
		return
	}
	r.Post("/pin", func(w http.ResponseWriter, r *http.Request) {
		g.change(w, r, with(o.Pin, r.URL.Query().Get("commit")))
	})
	r.Post("/unpin", func(w http.ResponseWriter, r *http.Request) {
		g.change(w, r, o.Unpin)
	})
	r.Get("/revisions", func(w http.ResponseWriter, r *http.Request) {
		list, err := o.Revisions(r.Context())
		if err != nil {
			writeJSON(w, statusOf(err), changeAnswer{Error: err.Error()})
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"revisions": list})
	})
}

func with(do func(context.Context, string) error, argument string) func(context.Context) error {
	return func(ctx context.Context) error { return do(ctx, argument) }
}

// change answers 200 when what was asked for is done, 409 and the diagnostics
// when a revision was refused, the status of a *StatusError, and 502 for any
// other error, which is the repository's.
func (g *Gateway) change(w http.ResponseWriter, r *http.Request, do func(context.Context) error) {
	answer := changeAnswer{}
	status := http.StatusOK
	if err := do(r.Context()); err != nil {
		status = statusOf(err)
		answer.Error = err.Error()
		if problems, ok := errors.AsType[schema.Diagnostics](err); ok {
			answer.Error = "the revision is refused; the last good one goes on serving"
			answer.Diagnostics = lines(problems)
		}
	}
	if s := g.Current(); s != nil {
		answer.Commit = s.Commit()
	}
	writeJSON(w, status, answer)
}

func statusOf(err error) int {
	if _, refused := errors.AsType[schema.Diagnostics](err); refused {
		return http.StatusConflict
	}
	if known, ok := errors.AsType[*StatusError](err); ok {
		return known.Status
	}
	return http.StatusBadGateway
}

type changeAnswer struct {
	Commit      string   `json:"commit,omitempty"` // what serves now
	Error       string   `json:"error,omitempty"`
	Diagnostics []string `json:"diagnostics,omitempty"`
}
