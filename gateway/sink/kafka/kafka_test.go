package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// consume reads n messages.
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
			all = append(all, m)
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
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err = topic.Send(ctx, sink.Batch{ID: "b-1", Lines: lines(1)})
	var refused *sink.RefusedError
	if err == nil || errors.As(err, &refused) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
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
