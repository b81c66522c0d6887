package main

import (
	"net/http"
	"net/url"
	"strings"
)

// overHTTP2 sends requests on connections of HTTP/2, and counts those that are answered.
type overHTTP2 struct {
	b        *besieged
	client   *http.Client
	answered int
	last     error
}

func newOverHTTP2(b *besieged) *overHTTP2 {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	b.t.Cleanup(transport.CloseIdleConnections)
	return &overHTTP2{b: b, client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// send sends a path as it is written, and a field beside the key.
func (o *overHTTP2) send(path, name, value string) {
	r, err := http.NewRequestWithContext(o.b.t.Context(), http.MethodGet, "http://"+o.b.listen, http.NoBody)
	must0(o.b.t, err)
	r.URL = &url.URL{Scheme: "http", Host: o.b.listen, Opaque: path}
	r.Header = http.Header{"Authorization": {o.b.key}, name: {value}}
	res, err := o.client.Do(r)
	if err != nil { // the stream is refused
		o.last = err
		return
	}
	res.Body.Close()
	o.answered++
}

func (o *overHTTP2) spoken() {
	if o.answered == 0 {
		o.b.t.Errorf("HTTP/2 is not spoken: %v", o.last)
	}
}

// crookedPathsOverHTTP2 are those that HTTP/2 can say.
func crookedPathsOverHTTP2(b *besieged) (tried, through int) {
	before, o := b.other.count(), newOverHTTP2(b)
	for _, path := range crooked() {
		if path[0] == '/' && !strings.HasPrefix(path, "//") {
			o.send(path, "Accept", "*/*")
			tried++
		}
	}
	o.spoken()
	return tried, b.other.count() - before
}

// forgedFieldsOverHTTP2 must not reach the deployment with a stranger's values.
func forgedFieldsOverHTTP2(b *besieged) (tried, through int) {
	b.model.forget()
	const forged = "forged.example"
	o := newOverHTTP2(b)
	for _, name := range fieldsOfTheGateway() {
		o.send("/v1/pricing", name, forged)
		tried++
	}
	o.spoken()
	got := b.model.told(forged)
	if len(got) > 0 {
		b.t.Errorf("the deployment got %q", got)
	}
	return tried, len(got)
}
