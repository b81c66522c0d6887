package gateway

import (
	"math"
	"net/http"
	"runtime"
	runtimemetrics "runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Overload is what the gateway as a whole takes upon itself. Above that it answers
// 503 early, instead of becoming slow for everybody, and before that it mirrors
// nothing any more. The zero value is no limit.
type Overload struct {
	// MaxInFlight bounds the live requests in flight; 0 is no bound.
	MaxInFlight int
	// Memory is what the process aims to stay below, in bytes, such as
	// debug.SetMemoryLimit tells; 0: none. Compared with it is what was alive after the
	// last garbage collection, as what lies about until the next one may fill it up
	// at any time. While requests are refused for it, few would bring a collection about,
	// so that one of them does.
	Memory int64
}

const (
	// The share of MaxInFlight from which on nothing is mirrored.
	sparingInFlight = 0.8
	// The shares of Memory from which on nothing is mirrored and requests are refused.
	// Near to its limit a process does little else than collect garbage.
	sparingMemory, sheddingMemory = 0.75, 0.9
	// How long one look at the memory holds.
	lookAtMemory = 100 * time.Millisecond
	// How old the last collection is when a refused request makes another one, and how
	// many times as long as that one takes nothing else of the kind is done.
	staleMemory     = time.Second
	betweenRelieves = 10
)

// overload tells whether there is too much to do. A nil one says that there never
// is, at the cost of that.
type overload struct {
	most, sparing int64 // live requests; 0: no bound
	inFlight      atomic.Int64
	shed          atomic.Uint64

	memory Overload
	start  time.Time
	looked atomic.Int64 // when the memory was looked at last, since start
	alive  atomic.Int64 // bytes, by then

	relieving sync.Mutex    // held by the request that collects
	cycles    atomic.Uint64 // collections, by the last look
	collected atomic.Int64  // when a look has found that there was another one, since start
	relieve   int64         // when the next one may be made, since start; guarded by relieving
}

func newOverload(o Overload) *overload {
	if o.MaxInFlight <= 0 && o.Memory <= 0 {
		return nil
	}
	return &overload{
		most: int64(o.MaxInFlight), sparing: int64(sparingInFlight * float64(o.MaxInFlight)),
		memory: o, start: time.Now().Add(-lookAtMemory),
	}
}

// enter counts a live request in, and reports whether it is to be served. Whatever
// it says, leave counts it out.
func (o *overload) enter() bool {
	if o == nil {
		return true
	}
	n := o.inFlight.Add(1)
	if o.most > 0 && n > o.most || o.full(sheddingMemory) && !o.relieved() {
		o.shed.Add(1)
		return false
	}
	return true
}

func (o *overload) leave() {
	if o != nil {
		o.inFlight.Add(-1)
	}
}

// spares reports whether nothing is to be mirrored.
func (o *overload) spares() bool {
	return o != nil && (o.most > 0 && o.inFlight.Load() > o.sparing || o.full(sparingMemory))
}

// full reports whether that share of the memory is in use.
func (o *overload) full(share float64) bool {
	if o.memory.Memory <= 0 {
		return false
	}
	now, looked := int64(time.Since(o.start)), o.looked.Load()
	if now-looked >= int64(lookAtMemory) && o.looked.CompareAndSwap(looked, now) {
		o.look(now)
	}
	return float64(o.alive.Load()) >= share*float64(o.memory.Memory)
}

// look takes over what the runtime tells.
func (o *overload) look(now int64) {
	alive, cycles := aliveMemory()
	o.alive.Store(alive)
	if o.cycles.Swap(cycles) != cycles {
		o.collected.Store(now)
	}
}

// relieved has the garbage collected if that was long ago, and reports whether requests
// need not be refused after that. One request at a time does it; it waits for that as long
// as it takes, and others are refused meanwhile.
func (o *overload) relieved() bool {
	if int64(time.Since(o.start))-o.collected.Load() < int64(staleMemory) || !o.relieving.TryLock() {
		return false
	}
	defer o.relieving.Unlock()
	began := time.Since(o.start)
	if int64(began) < o.relieve {
		return false
	}
	runtime.GC()
	ended := time.Since(o.start)
	o.relieve = int64(ended + betweenRelieves*(ended-began))
	o.look(int64(ended))
	return !o.full(sheddingMemory)
}

// aliveMemory is what was alive on the heap after the last garbage collection, and
// the stacks, and how many collections there were. It stops nobody.
func aliveMemory() (bytes int64, cycles uint64) {
	samples := []runtimemetrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/gc/cycles/total:gc-cycles"},
	}
	runtimemetrics.Read(samples)
	var values [3]uint64
	for i, s := range samples {
		if s.Value.Kind() == runtimemetrics.KindUint64 {
			values[i] = s.Value.Uint64()
		}
	}
	return int64(min(values[0]+values[1], math.MaxInt64)), values[2]
}

// overloaded is the answer to a request that is not served.
func overloaded() forward.Failure {
	return forward.Failure{
		Status: http.StatusServiceUnavailable, Kind: record.Overload, RetryAfter: time.Second,
		Message: "the gateway has too much to do",
	}
}

var (
	descInFlightAll = prometheus.NewDesc("switchyard_live_in_flight",
		"Live requests in flight, where their number or the memory is limited.", nil, nil)
	descShed = prometheus.NewDesc("switchyard_live_shed_total",
		"Live requests that were refused because the gateway had too much to do.", nil, nil)
)

func (o *overload) collect(ch chan<- prometheus.Metric) {
	if o != nil {
		ch <- prometheus.MustNewConstMetric(descInFlightAll, prometheus.GaugeValue, float64(o.inFlight.Load()))
		ch <- counter(descShed, o.shed.Load())
	}
}
