package schema

import "time"

// Sink is a receiver of records besides the log, as the configuration file has it.
// Exactly one of Stdout, File, Webhook, OTLP and Kafka is set.
type Sink struct {
	Name   Value[string]
	Buffer int64 // bytes of records that wait in memory; DefaultSinkBuffer where not written
	Spool  *SinkSpool

	Stdout  bool
	File    *SinkFile
	Webhook *SinkWebhook
	OTLP    *SinkOTLP
	Kafka   *SinkKafka
}

// Defaults of sinks.
const (
	DefaultSinkBuffer  = 8 << 20
	DefaultSinkSpool   = 1 << 30
	DefaultSinkFile    = 100 << 20
	DefaultSinkTimeout = 10 * time.Second
)

// SinkSpool says where records wait on disk while the receiver is down.
type SinkSpool struct {
	Dir      Value[string]
	MaxBytes int64
}

// SinkFile is a file that rotates; its values mean what those of the log do.
type SinkFile struct {
	Path     Value[string]
	MaxSize  int64
	MaxAge   time.Duration
	Every    time.Duration // 0: it is rotated by size only
	MaxFiles int
	Compress bool
}

// SinkWebhook is an HTTP server that gets records in Modelbit's form.
type SinkWebhook struct {
	URL     Value[string]
	Headers []Header // with placeholders
	Timeout time.Duration
}

// SinkOTLP is a collector that gets records as logs of OpenTelemetry, over HTTP.
type SinkOTLP struct {
	URL     Value[string]
	Headers []Header // with placeholders
	Timeout time.Duration
}

// SinkKafka is a topic of Kafka.
type SinkKafka struct {
	Brokers   []Value[string] // HOST:PORT
	Topic     Value[string]
	TLS       bool
	Mechanism string        // plain, scram-sha-256 or scram-sha-512; empty: none
	Username  string        // of the mechanism
	Password  Value[string] // of the mechanism, with placeholders
	Timeout   time.Duration
}
