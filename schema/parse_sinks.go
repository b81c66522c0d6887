package schema

import (
	"slices"
	"strings"
	"time"
)

// Bounds of what sinks are told.
const (
	mostSinks = 32
	maxSpool  = 1 << 50
	maxBuffer = 1 << 30
	minBuffer = 1 << 20
	mostFiles = 100_000

	shortestRotation = time.Minute
	longestAge       = 10 * 365 * 24 * time.Hour
)

// sinks reads the list of sinks.
func (d *document) sinks(n node) []Sink {
	items, ok := d.list(n, "sinks")
	if !ok {
		return nil
	}
	if len(items) > mostSinks {
		d.report(n.pos, RuleSize, "sinks has %d items; %d are allowed", len(items), mostSinks)
		return nil
	}
	all := make([]Sink, 0, len(items))
	for _, item := range items {
		s, ok := d.sink(item)
		if !ok {
			continue
		}
		if i := slices.IndexFunc(all, func(other Sink) bool { return other.Name.V == s.Name.V }); i >= 0 {
			d.report(s.Name.Pos, RuleConflict, "the sink %s is already there in line %d", quoted(s.Name.V), all[i].Name.Pos.Line)
		}
		all = append(all, s)
	}
	return all
}

// sink reads one sink.
func (d *document) sink(n node) (Sink, bool) {
	s := Sink{Buffer: DefaultSinkBuffer}
	m, ok := d.mapping(n, "a sink")
	if !ok {
		return s, false
	}
	defer m.done()
	named := false
	if n, ok := m.need("name"); ok {
		s.Name, named = d.label(n, "the name of a sink")
	}
	if n, ok := m.take("buffer"); ok {
		s.Buffer = d.bytes(n, "buffer", minBuffer, maxBuffer, "1MiB to 1GiB")
	}
	d.receiver(m, &s)
	if n, ok := m.take("spool"); ok {
		s.Spool = d.spool(n)
		if s.Stdout || s.File != nil {
			d.report(n.pos, RuleConflict, "spool is for receivers over the network; a file or stdout has none")
		}
	}
	return s, named
}

// receiver reads the one key that says where records go.
func (d *document) receiver(m *mapping, s *Sink) {
	kinds := []struct {
		key  string
		read func(node)
	}{
		{"stdout", func(n node) { s.Stdout = d.stdout(n) }},
		{"file", func(n node) { s.File = d.sinkFile(n) }},
		{"webhook", func(n node) { s.Webhook = d.sinkWebhook(n) }},
		{"otlp", func(n node) { s.OTLP = d.sinkOTLP(n) }},
		{"kafka", func(n node) { s.Kafka = d.sinkKafka(n) }},
	}
	found := ""
	names := make([]string, 0, len(kinds))
	for _, kind := range kinds {
		names = append(names, kind.key)
		n, ok := m.take(kind.key)
		switch {
		case !ok:
		case found != "":
			d.report(n.pos, RuleConflict, "a sink has one receiver, and this one has both %s and %s", found, kind.key)
		default:
			found = kind.key
			kind.read(n)
		}
	}
	if found == "" && !m.misspelt(names...) {
		d.report(m.pos, RuleMissingKey, "a sink needs one of the keys %s", strings.Join(names, ", "))
	}
}

// stdout takes no keys so far.
func (d *document) stdout(n node) bool {
	m, ok := d.mapping(n, "stdout")
	if !ok {
		return false
	}
	for _, e := range m.entries {
		d.report(e.key.pos, RuleUnknownKey, "unknown key %s; stdout takes none", quoted(e.name))
	}
	return true
}

func (d *document) spool(n node) *SinkSpool {
	m, ok := d.mapping(n, "spool")
	if !ok {
		return nil
	}
	defer m.done()
	s := &SinkSpool{MaxBytes: DefaultSinkSpool}
	s.Dir = d.needText(m, "dir")
	if n, ok := m.take("maxBytes"); ok {
		s.MaxBytes = d.bytes(n, "maxBytes", minBuffer, maxSpool, "1MiB or more")
	}
	return s
}

func (d *document) sinkFile(n node) *SinkFile {
	m, ok := d.mapping(n, "file")
	if !ok {
		return nil
	}
	defer m.done()
	f := &SinkFile{MaxSize: DefaultSinkFile}
	f.Path = d.needText(m, "path")
	if n, ok := m.take("maxSize"); ok {
		f.MaxSize = d.bytes(n, "maxSize", minBuffer, maxSpool, "1MiB or more")
	}
	d.duration(m, "rotateEvery", &f.Every, shortestRotation, longestAge)
	d.duration(m, "maxAge", &f.MaxAge, 0, longestAge)
	if n, ok := m.take("maxFiles"); ok {
		v, _ := d.integer(n, "maxFiles", 0, mostFiles)
		f.MaxFiles = v.V
	}
	if n, ok := m.take("compress"); ok {
		f.Compress, _ = d.boolean(n, "compress")
	}
	return f
}

func (d *document) sinkWebhook(n node) *SinkWebhook {
	m, ok := d.mapping(n, "webhook")
	if !ok {
		return nil
	}
	defer m.done()
	w := new(SinkWebhook)
	w.URL, w.Headers, w.Timeout = d.called(m)
	return w
}

func (d *document) sinkOTLP(n node) *SinkOTLP {
	m, ok := d.mapping(n, "otlp")
	if !ok {
		return nil
	}
	defer m.done()
	o := new(SinkOTLP)
	o.URL, o.Headers, o.Timeout = d.called(m)
	return o
}

// called reads how a receiver is called over HTTP.
func (d *document) called(m *mapping) (address Value[string], headers []Header, timeout time.Duration) {
	if address = d.needText(m, "url"); address.V != "" {
		if problem := urlProblem(address.V); problem != "" {
			d.report(address.Pos, RuleURL, "%s", problem)
		}
	}
	if n, ok := m.take("headers"); ok {
		if fields, ok := d.mapping(n, "headers"); ok {
			headers = d.fields(fields, rulesOf{secrets: true})
		}
	}
	return address, headers, d.sinkTimeout(m)
}

func (d *document) sinkTimeout(m *mapping) time.Duration {
	timeout := DefaultSinkTimeout
	d.duration(m, "timeout", &timeout, 100*time.Millisecond, time.Hour)
	return timeout
}

// mechanisms are those of SASL that Kafka is asked in.
var mechanisms = []string{"plain", "scram-sha-256", "scram-sha-512"}

func (d *document) sinkKafka(n node) *SinkKafka {
	m, ok := d.mapping(n, "kafka")
	if !ok {
		return nil
	}
	defer m.done()
	k := new(SinkKafka)
	if n, ok := m.need("brokers"); ok {
		k.Brokers = d.texts(n, "brokers", mostCaptured, d.broker)
	}
	k.Topic = d.needText(m, "topic")
	if n, ok := m.take("tls"); ok {
		k.TLS, _ = d.boolean(n, "tls")
	}
	if n, ok := m.take("sasl"); ok {
		d.sasl(n, k)
	}
	k.Timeout = d.sinkTimeout(m)
	return k
}

func (d *document) broker(s Value[string]) (string, bool) {
	if err := checkAddress(s.V); err != nil || strings.HasPrefix(s.V, ":") {
		d.report(s.Pos, RuleValue, "%s is no address of a broker; write HOST:PORT, such as kafka:9092", quoted(s.V))
		return "", false
	}
	return s.V, true
}

func (d *document) sasl(n node, k *SinkKafka) {
	m, ok := d.mapping(n, "sasl")
	if !ok {
		return
	}
	defer m.done()
	mechanism := d.needText(m, "mechanism")
	if mechanism.V != "" && !slices.Contains(mechanisms, mechanism.V) {
		d.report(mechanism.Pos, RuleValue, "mechanism %s is not known; allowed are %s", quoted(mechanism.V), strings.Join(mechanisms, ", "))
	}
	k.Mechanism = mechanism.V
	k.Username = d.needText(m, "username").V
	k.Password = d.needText(m, "password")
	if _, err := Placeholders(k.Password.V); err != nil {
		d.report(k.Password.Pos, RuleSecret, "%s", err)
	}
}

// needText is a text that must be written, and not be empty.
func (d *document) needText(m *mapping, key string) Value[string] {
	n, ok := m.need(key)
	if !ok {
		return Value[string]{}
	}
	v, ok := d.str(n, key)
	if ok && strings.TrimSpace(v.V) == "" {
		d.report(v.Pos, RuleValue, "%s must not be empty", key)
	}
	return v
}
