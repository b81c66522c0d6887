package gateway

import (
	"bytes"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
)

// MirrorAnswer is what a mirror answered to one copy.
type MirrorAnswer struct {
	Mirror string
	Body   []byte
	Cut    bool // there was more
}

// watches are the requests whose copies' answers somebody waits for. Nothing of a
// live request's way looks at them.
type watches struct {
	mu  sync.Mutex                                    // of those who change it
	all atomic.Pointer[map[string]func(MirrorAnswer)] // by request; nil: none, which is nearly always so
}

// WatchCopies gives the answers of the copies of one request, as far as they are
// kept to be compared or captured, to somebody who tries an endpoint out. Neither
// the log nor anybody else gets them. f is called by several goroutines, and must
// not block; it is not called any more when stop has returned and what runs has
// ended.
func (g *Gateway) WatchCopies(requestID string, f func(MirrorAnswer)) (stop func()) {
	g.watches.set(requestID, f)
	return func() { g.watches.set(requestID, nil) }
}

func (w *watches) set(requestID string, f func(MirrorAnswer)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]func(MirrorAnswer){}
	if known := w.all.Load(); known != nil {
		maps.Copy(all, *known)
	}
	all[requestID] = f
	if f == nil {
		delete(all, requestID)
	}
	if len(all) == 0 {
		w.all.Store(nil)
		return
	}
	w.all.Store(&all)
}

// tell tells of a copy that has ended. It is called before its record is written.
func (w *watches) tell(rec *record.Record, answer *tap.Tap) {
	known := w.all.Load()
	if known == nil || answer == nil || !answer.Begun() {
		return
	}
	f := (*known)[rec.RequestID]
	if f == nil {
		return
	}
	if body, whole, ok := answer.Plain(mostWatched); ok {
		f(MirrorAnswer{Mirror: rec.Backend, Body: bytes.Clone(body), Cut: !whole})
	}
}

// mostWatched bounds what is told of an answer.
const mostWatched = 256 << 10
