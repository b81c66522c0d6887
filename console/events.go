package console

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// streamEndpoints sends the list's live parts, whenever the numbers have moved.
func (c *Console) streamEndpoints(w http.ResponseWriter, r *http.Request) {
	c.stream(w, r, "endpoints", func() any { return c.list(r.URL.Query()) })
}

func (c *Console) streamEndpoint(w http.ResponseWriter, r *http.Request) {
	chosen := viewOf(r.URL.Query())
	c.stream(w, r, "endpoint", func() any {
		name := r.PathValue("name")
		e := c.endpoint(name)
		if e == nil {
			return endpointPage{Name: name, Gone: true}
		}
		return endpointPage{Live: c.endpointLive(e, chosen)}
	})
}

// streamStatus is for pages on which nothing else moves.
func (c *Console) streamStatus(w http.ResponseWriter, r *http.Request) {
	c.stream(w, r, "", func() any { return nil })
}

// readWithin is how long a browser may take for what it is sent. One that takes nothing holds
// its place no longer.
const readWithin = 10 * time.Second

// stream sends pieces of a page as server-sent events: those that all pages have,
// and those of the template "moving" of this one. The page puts each in the place of the element that bears
// its id.
func (c *Console) stream(w http.ResponseWriter, r *http.Request, page string, data func() any) {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many pages are looked at", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	tick := time.NewTicker(c.o.Series.Step())
	defer tick.Stop()
	for {
		v := c.visit(w, r)
		if !c.mayRead(r) { // logged out meanwhile
			return
		}
		_ = control.SetWriteDeadline(time.Now().Add(readWithin)) // what cannot have one is no connection
		if _, err := w.Write(event(c.pieces(v, page, data()))); err != nil {
			return
		}
		if control.Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// pieces renders what moves.
func (c *Console) pieces(v *visit, page string, data any) []byte {
	l := layout{Follow: v.follow, Page: data, Here: "/"}
	if v.session != nil {
		l.User, l.Token = &v.session.User, v.session.Secret
		l.Writes = c.o.Write && l.User.Editor()
	}
	var b bytes.Buffer
	templates := []string{"status", "banner"}
	from := c.pages["failure"]
	if data != nil && page != "" {
		from, templates = c.pages[page], append(templates, "moving")
	}
	for _, name := range templates {
		if err := from.ExecuteTemplate(&b, name, l); err != nil {
			c.o.Logger.Error().Err(err).Str("page", page).Msg("a piece of the console cannot be rendered; this is a bug")
			return nil
		}
	}
	return b.Bytes()
}

// lineEnds makes one of all that end a line of events: a lone carriage return does, which
// may stand in any text.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// event is a text as one server-sent event.
func event(text []byte) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(lineEnds.Replace(string(text))) {
		b.WriteString("data: ")
		b.WriteString(strings.TrimSuffix(line, "\n"))
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	return b.Bytes()
}
