package kafka

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

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
}

// New makes a Topic. It connects to nobody yet.
func New(o Options) (*Topic, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(o.Brokers...), kgo.DefaultProduceTopic(o.Topic), kgo.ClientID("switchyard"),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchMaxBytes(1 << 20),
	}
	if o.TLS {
		opts = append(opts, kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	if o.Mechanism != "" {
		opts = append(opts, kgo.SASL(mechanism(o)))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return &Topic{client: client, topic: o.Topic}, nil
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
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.InvalidRecord):
		return &sink.RefusedError{Err: fmt.Errorf("send to topic %s: %w", t.topic, err)}
	}
	return fmt.Errorf("send to topic %s: %w", t.topic, err)
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
