package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/sink"
	"github.com/switchyard-gateway/switchyard/gateway/sink/kafka"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// cluster is brokers with a topic, that speak Kafka's protocol.
func cluster(t *testing.T, o ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(4, "records")}, o...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// message is what a consumer sees.
type message struct{ Key, Value, Delivery string }

// consume reads n messages, each delivery once.
func consume(t *testing.T, brokers []string, n int) (all []message, partitions map[string]int32) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics("records"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	partitions = map[string]int32{}
	seen := map[string]bool{}
	for len(all) < n {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err0(); err != nil {
			t.Fatalf("%d messages: %v", len(all), err)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			m := message{Key: string(r.Key), Value: string(r.Value)}
			for _, h := range r.Headers {
				if h.Key == kafka.HeaderDelivery {
					m.Delivery = string(h.Value)
				}
			}
			if p, ok := partitions[m.Key]; ok && p != r.Partition {
				t.Errorf("records of the request %s are in two partitions", m.Key)
			}
			partitions[m.Key] = r.Partition
			if !seen[m.Delivery] {
				seen[m.Delivery] = true
				all = append(all, m)
			}
		})
	}
	return all, partitions
}

// lines are the records of n requests and their copies.
func lines(n int) []byte {
	var b []byte
	for i := range n {
		for _, role := range []record.Role{record.Live, record.Mirror} {
			b = record.AppendJSON(b, &record.Record{RequestID: fmt.Sprintf(`r"%d`, i), Role: role, Start: time.UnixMilli(1), End: time.UnixMilli(1)})
		}
	}
	return b
}

func TestRecordsAreMessagesByRequest(t *testing.T) {
	brokers := cluster(t).ListenAddrs()
	topic, err := kafka.New(kafka.Options{Brokers: brokers, Topic: "records"})
	if err != nil {
		t.Fatal(err)
	}
	defer topic.Close()
	const n = 50
	if err := topic.Send(t.Context(), sink.Batch{ID: "b-1", Lines: lines(n)}); err != nil {
		t.Fatal(err)
	}
	all, partitions := consume(t, brokers, 2*n)
	if len(all) != 2*n || len(partitions) != n {
		t.Errorf("%d messages of %d requests", len(all), len(partitions))
	}
	deliveries := map[string]bool{}
	for _, m := range all {
		deliveries[m.Delivery] = true
	}
	if len(deliveries) != 2*n || !deliveries["b-1/0"] || !deliveries["b-1/99"] {
		t.Errorf("%d deliveries", len(deliveries))
	}
	for _, m := range all {
		if m.Delivery == "b-1/0" {
			want := message{`r"0`, string(lines(1)[:len(lines(1))/2]), "b-1/0"}
			want.Value = want.Value[:len(m.Value)]
			if diff := cmp.Diff(want, m); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
}

func TestABrokerThatIsDownIsAnErrorInTime(t *testing.T) {
	c := cluster(t)
	topic, err := kafka.New(kafka.Options{Brokers: c.ListenAddrs(), Topic: "records"})
	if err != nil {
		t.Fatal(err)
	}
	defer topic.Close()
	c.Close()
	var refused *sink.RefusedError
	for within := time.Second; ; within *= 2 { // on a busy machine a second may be over before anybody has called
		ctx, cancel := context.WithTimeout(t.Context(), within)
		err = topic.Send(ctx, sink.Batch{ID: "b-1", Lines: lines(1)})
		cancel()
		if err == nil || errors.As(err, &refused) {
			t.Fatal(err)
		}
		if strings.Contains(err.Error(), "connection refused") {
			return
		}
		if within > testbed.Patience {
			t.Fatal(err)
		}
	}
}

// hanging is brokers that answer nothing from a time on until they are mended. What
// they got meanwhile they do then.
type hanging struct {
	mended chan struct{} // closed when they are
	got    chan struct{} // capacity 1; a value when they got records
}

func newHanging() *hanging {
	return &hanging{mended: make(chan struct{}), got: make(chan struct{}, 1)}
}

// begin makes brokers hang.
func (h *hanging) begin(c *kfake.Cluster) {
	c.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		c.SleepControl(func() {
			if _, ok := req.(*kmsg.ProduceRequest); ok {
				h.tell()
			}
			<-h.mended
		})
		return nil, nil, false
	})
}

// tell tells of records that have come, unless the brokers are mended.
func (h *hanging) tell() {
	select {
	case <-h.mended:
		return
	default:
	}
	select {
	case h.got <- struct{}{}:
	default:
	}
}

// A call ends with its time, when nobody knows whether the brokers have written what they
// got. So the batch can wait on disk, and is sent again when they are mended, by the same
// id: consumers that heed it see each record once.
func TestABrokerThatHangsHoldsNoBatch(t *testing.T) {
	c := cluster(t)
	topic, err := kafka.New(kafka.Options{Brokers: c.ListenAddrs(), Topic: "records"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(topic.Close)
	h := newHanging()
	send := func(ctx context.Context, b sink.Batch) error {
		ctx, over := context.WithCancel(ctx)
		var watching sync.WaitGroup
		watching.Go(func() {
			select {
			case <-h.got: // its time is over now
				over()
			case <-ctx.Done():
			}
		})
		defer watching.Wait()
		defer over()
		return topic.Send(ctx, b)
	}
	s, err := sink.New(sink.Options{Name: "stream", Send: send, Timeout: testbed.Patience, Spool: &sink.Spool{Dir: t.TempDir()}, Every: time.Millisecond, Grace: func() time.Duration { return testbed.Patience }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	const n = 100
	appendNumbered := func(from, to int) {
		for i := from; i < to; i++ {
			s.Append(&record.Record{RequestID: fmt.Sprint(i), Role: record.Live, Start: time.UnixMilli(1), End: time.UnixMilli(1)})
		}
	}
	appendNumbered(0, n/2)
	consume(t, c.ListenAddrs(), n/2)
	h.begin(c)
	appendNumbered(n/2, n)
	testbed.Eventually(t, "the batch waits on disk while the brokers hang", func() bool { return s.Counts().Spooled > 0 })
	close(h.mended)
	testbed.Eventually(t, "nothing waits any more", func() bool { return s.Counts().Spooled == 0 })
	end()
	if err := testbed.Receive(t, "the end of the sink", ended); err != nil {
		t.Error(err)
	}
	all, _ := consume(t, c.ListenAddrs(), n)
	batches := map[string]bool{}
	for _, m := range all {
		id, _, _ := strings.Cut(m.Delivery, "/")
		batches[id] = true
	}
	if got := s.Counts(); got.Lost != 0 || got.Failed == 0 || got.Sent != int64(len(batches)) {
		t.Errorf("%+v, and consumers see %d batches", got, len(batches))
	}
}

func TestBrokersAreLoggedInTo(t *testing.T) {
	for _, mechanism := range []string{kafka.Plain, kafka.ScramSHA256, kafka.ScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			names := map[string]string{kafka.Plain: "PLAIN", kafka.ScramSHA256: "SCRAM-SHA-256", kafka.ScramSHA512: "SCRAM-SHA-512"}
			brokers := cluster(t, kfake.EnableSASL(), kfake.Superuser(names[mechanism], "switchyard", "s3cret")).ListenAddrs()
			topic, err := kafka.New(kafka.Options{
				Brokers: brokers, Topic: "records", Mechanism: mechanism, Username: "switchyard",
				Password: func() (string, error) { return "s3cret", nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			defer topic.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := topic.Send(ctx, sink.Batch{ID: "b-1", Lines: lines(1)}); err != nil {
				t.Error(err)
			}
		})
	}
}

// The error is what the log tells.
func TestWhatABrokerSaysIsNotTold(t *testing.T) {
	c := cluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "switchyard", "s3cret"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	words := 0 // read when the cluster is closed
	c.ControlKey(kmsg.SASLAuthenticate.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		res := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		res.ErrorCode, res.ErrorMessage = kerr.SaslAuthenticationFailed.Code, new("nobody has the password s3cret")
		if words++; words == 2 {
			cancel() // the client knows how the first login ended
		}
		return res, nil, true
	})
	topic, err := kafka.New(kafka.Options{
		Brokers: c.ListenAddrs(), Topic: "records", Mechanism: kafka.Plain, Username: "switchyard",
		Password: func() (string, error) { return "s3cret", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer topic.Close()
	err = topic.Send(ctx, sink.Batch{ID: "b-1", Lines: lines(1)})
	c.Close()
	if words == 0 || !errors.Is(err, kerr.SaslAuthenticationFailed) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%d answers, %v", words, err)
	}
}
