package telemetry

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/gateway/collector"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// EventTelemetry is the value of the field event for what becomes of sending.
const EventTelemetry = "telemetry"

// tellEvery is how often a collector that is down is logged.
const tellEvery = time.Minute

// sender calls the collector, and counts and tells what came of it.
type sender struct {
	what   string // is sent: spans or metrics
	client *http.Client
	logger zerolog.Logger
	sent   atomic.Int64 // calls that brought all to the collector
	failed atomic.Int64 // the others

	life context.Context // of Run; nothing is logged after it. Set by begin

	mu   sync.Mutex
	told time.Time // when a failure was last logged
}

func newSender(what string, o *Options) *sender {
	return &sender{what: what, client: collector.NewClient(o.Header, o.Timeout), logger: o.Logger}
}

func (s *sender) begin(ctx context.Context) { s.life = ctx }

// send makes a call through export and says how many items were rejected, all of
// them if it failed.
func (s *sender) send(ctx context.Context, items int64, export func(context.Context) error) (rejected int64) {
	ctx, answer := collector.Expect(ctx)
	err := export(ctx)
	if answer.Status != 0 || answer.Err != nil {
		err = answer.Failure()
	}
	if err == nil {
		s.sent.Add(1)
		return 0
	}
	s.failed.Add(1)
	s.tell(err)
	if answer.Rejected > 0 {
		return min(answer.Rejected, items)
	}
	return items
}

// tell logs that the collector does not take what is sent, not too often.
func (s *sender) tell(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil || time.Since(s.told) < tellEvery {
		return
	}
	s.told = time.Now()
	s.logger.Warn().Str(record.FieldEvent, EventTelemetry).Err(err).Msg(s.what + " do not reach the collector")
}
