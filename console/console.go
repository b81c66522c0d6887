package console

import (
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/console/draft"
	"github.com/switchyard-gateway/switchyard/console/login"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed assets
var assets embed.FS

// Console answers the requests of browsers. It is safe for concurrent use.
type Console struct {
	o        Options
	sessions *login.Sessions
	token    *login.Token // nil: the listener asks for none
	pages    map[string]*template.Template
	mux      *http.ServeMux
	guarded  http.Handler
	streams  chan struct{} // one for each stream of events that is open; when full, further ones are told to come later
	now      func() time.Time
	choices  choices
	peers    peers
	history  history
	judged   judgements

	elsewhere elsewhere

	mu       sync.Mutex
	versions map[string]resolution // by what names a version; see watchVersions
}

// mostStreams bounds the streams of events: browsers that look at a page.
const mostStreams = 100

// New makes a console.
func New(o Options) *Console {
	c := &Console{
		o: o, mux: http.NewServeMux(), streams: make(chan struct{}, mostStreams), now: time.Now,
		pages: parsePages(), versions: map[string]resolution{}, sessions: login.NewSessions(),
		history: history{changes: map[int]*routing{}, files: map[string]touched{}},
		judged:  judgements{all: map[string]judged{}}, elsewhere: elsewhere{trees: map[string]branchTree{}},
	}
	if o.Tokens != nil {
		c.token = login.NewToken(c.isToken)
	}
	c.routes()
	c.guarded = c.guard(c.mux)
	return c
}

// pagePaths are the files of the pages beside the layout, by name.
func parsePages() map[string]*template.Template {
	layout := template.Must(template.New("layout").Funcs(functions).ParseFS(templates, "templates/layout.html", "templates/parts.html"))
	files, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		panic("the pattern is wrong: " + err.Error())
	}
	pages := map[string]*template.Template{}
	for _, f := range files {
		name := f[len("templates/") : len(f)-len(".html")]
		if name != "layout" && name != "parts" {
			pages[name] = template.Must(template.Must(layout.Clone()).ParseFS(templates, f))
		}
	}
	return pages
}

func (c *Console) routes() {
	static, err := fs.Sub(assets, "assets")
	if err != nil {
		panic("there are no assets: " + err.Error())
	}
	files := http.StripPrefix("/console/assets/", http.FileServerFS(static))
	c.mux.Handle("GET /console/assets/", files)
	c.page("GET /{$}", c.showEndpoints)
	c.page("GET /console/{$}", c.showEndpoints)
	c.page("GET /console/endpoints/{name}", c.showEndpoint)
	c.page("GET /console/endpoints/{name}/try", c.showTry)
	c.change("POST /console/endpoints/{name}/try", c.send)
	c.page("GET /console/endpoints/{name}/report", c.showSplitReport)
	c.page("GET /console/endpoints/{name}/report/{mirror}", c.showReport)
	c.page("GET /console/records", c.showRecords)
	c.page("GET /console/requests", c.showRequest)
	c.page("GET /console/requests/{id}", c.showRequest)
	c.page("GET /console/revisions", c.showRevisions)
	c.mux.HandleFunc("GET /console/events/records", c.streamRecords)
	c.mux.HandleFunc("GET /console/events/endpoints", c.streamEndpoints)
	c.mux.HandleFunc("GET /console/events/endpoints/{name}", c.streamEndpoint)
	c.mux.HandleFunc("GET /console/events/status", c.streamStatus)

	c.page("GET /console/login", c.showLogin)
	c.mux.HandleFunc("POST /console/login", c.logIn)
	c.page("GET "+issuerPath, c.beginLogin)
	c.page("GET "+IssuedPath, c.endLogin)
	c.mux.HandleFunc("POST /console/logout", c.logOut)

	c.page("GET /console/endpoints/{name}/change", c.showChange)
	c.page("GET /console/endpoints/{name}/delete", c.showDelete)
	c.page("GET /console/new", c.showNew)
	c.page("GET /console/choices", c.showChoices)
	c.change("POST /console/preview", c.preview)
	c.change("POST /console/publish", c.publish)
	c.change("POST /console/sync", c.order)
	c.change("POST /console/accept", c.order)
	c.change("POST /console/pin", c.order)
	c.change("POST /console/unpin", c.order)
	c.page("GET /console/", func(v *visit) {
		v.fail(http.StatusNotFound, "There is no such page.")
	})
}

// ServeHTTP answers one request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.guarded.ServeHTTP(w, r) }

// base is what a draft is written upon: what was read last.
func (c *Console) base() draft.Base {
	f := c.o.Following()
	b := draft.Base{Newest: f.Newest, Live: f.LiveRevision}
	if s := c.o.Snapshot(); s != nil {
		b.Serving = s.Endpoints()
	}
	return b
}
