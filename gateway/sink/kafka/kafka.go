package kafka

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/sink"
)

// HeaderDelivery bears the id of the batch and the place of the record in it.
const HeaderDelivery = "switchyard-delivery"

// The mechanisms of SASL.
const (
	Plain       = "plain"
	ScramSHA256 = "scram-sha-256"
	ScramSHA512 = "scram-sha-512"
)

// Options say where records are sent.
type Options struct {
	Brokers   []string // HOST:PORT
	Topic     string
	TLS       bool
	Mechanism string                 // empty: none
	Username  string                 // of the mechanism
	Password  func() (string, error) // of the mechanism; called at each login
}

// Topic sends batches. It is safe for concurrent use.
type Topic struct {
	client *kgo.Client
	topic  string
	logins *logins
}

// New makes a Topic. It connects to nobody yet.
func New(o Options) (*Topic, error) {
	t := &Topic{topic: o.Topic, logins: new(logins)}
	opts := []kgo.Opt{
		kgo.WithHooks(t.logins),
		kgo.SeedBrokers(o.Brokers...), kgo.DefaultProduceTopic(o.Topic), kgo.ClientID("switchyard"),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchMaxBytes(1 << 20),
		// Without it a call waits for what is in flight for as long as a broker hangs,
		// and what comes after it finds no room, however much there is on disk.
		kgo.AllowIdempotentProduceCancellation(),
	}
	if o.TLS {
		opts = append(opts, kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	if o.Mechanism != "" {
		opts = append(opts, kgo.SASL(mechanism(o)))
	}
	var err error
	if t.client, err = kgo.NewClient(opts...); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return t, nil
}

func mechanism(o Options) sasl.Mechanism {
	scrams := func(context.Context) (scram.Auth, error) {
		password, err := o.Password()
		return scram.Auth{User: o.Username, Pass: password}, err
	}
	switch o.Mechanism {
	case ScramSHA256:
		return scram.Sha256(scrams)
	case ScramSHA512:
		return scram.Sha512(scrams)
	}
	return plain.Plain(func(context.Context) (plain.Auth, error) {
		password, err := o.Password()
		return plain.Auth{User: o.Username, Pass: password}, err
	})
}

// Close ends the connections to the brokers.
func (t *Topic) Close() { t.client.Close() }

// Send is a sink.Send: it returns when the brokers have all records, or have not.
func (t *Topic) Send(ctx context.Context, b sink.Batch) error {
	messages := make([]*kgo.Record, 0, bytes.Count(b.Lines, []byte{'\n'}))
	for line := range bytes.Lines(b.Lines) {
		messages = append(messages, &kgo.Record{
			Key: key(line), Value: bytes.TrimSuffix(line, []byte{'\n'}),
			Headers: []kgo.RecordHeader{{Key: HeaderDelivery, Value: strconv.AppendInt([]byte(b.ID+"/"), int64(len(messages)), 10)}},
		})
	}
	err := t.client.ProduceSync(ctx, messages...).FirstErr()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("send to topic %s: %w", t.topic, told(err))
	if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.InvalidRecord) {
		return &sink.RefusedError{Err: err}
	}
	if why := t.logins.failure(); why != nil {
		return fmt.Errorf("%w; the last connection: %w", err, why)
	}
	return err
}

// told is what an error says without a broker's own words, which may repeat the
// password.
func told(err error) error {
	if answered, ok := errors.AsType[*kerr.Error](err); ok {
		return answered
	}
	return err
}

// logins knows how the last connection to a broker went: the client tries again
// until the time is over, and says only that. It is safe for concurrent use.
type logins struct {
	mu   sync.Mutex
	last error
}

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (l *logins) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = told(err)
}

func (l *logins) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// key is the id of a line's request; nil for other lines.
func key(line []byte) []byte {
	_, rest, ok := bytes.Cut(line, []byte(`"`+record.FieldRequestID+`":`))
	if !ok {
		return nil
	}
	var id string
	if err := json.NewDecoder(bytes.NewReader(rest)).Decode(&id); err != nil {
		return nil
	}
	return []byte(id)
}
