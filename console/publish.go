package console

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/console/draft"
	"github.com/switchyard-gateway/switchyard/schema"
)

// mostRaces is how often a change is made again upon what others pushed
// meanwhile.
const mostRaces = 3

// serveWithin bounds how long the page waits for a commit to serve.
const serveWithin = 30 * time.Second

// publishedPage tells what became of a change.
type publishedPage struct {
	Name    string
	Gone    bool
	Commit  Published
	Message string
	Link    string // where a merge is asked for; empty: not known
	Redone  bool   // it was made again upon a newer commit
	Serves  bool
	Problem string // why it does not serve
	Branch  bool   // it is on a branch of its own
}

// publish commits what a form asks for, and pushes.
func (c *Console) publish(v *visit) {
	p := propose(v.r.PostForm)
	for range mostRaces {
		verdict := c.judge(v.r.Context(), p)
		if verdict.Conflict != nil {
			v.show(http.StatusConflict, "conflict", "Conflict", "endpoints", "", verdict.Conflict)
			return
		}
		if !verdict.OK() {
			c.again(v, p, returned{status: http.StatusUnprocessableEntity, verdict: verdict})
			return
		}
		commit := c.commit(v, p, verdict)
		published, err := c.o.Publish(v.r.Context(), commit)
		if err == nil {
			c.o.Logger.Info().Func(by(v.session.User)).Str("endpoint", p.name).
				Str("commit", published.Commit).Str("branch", published.Branch).Msg("a change was pushed")
			c.told(v, p, commit, published)
			return
		}
		moved := &MovedError{}
		if !errors.As(err, &moved) {
			c.notPublished(v, p, verdict, err)
			return
		}
		if err := c.readTip(v.r.Context(), moved.Tip); err != nil {
			problem := "Others pushed meanwhile, and the repository cannot be read: " + err.Error()
			c.again(v, p, returned{status: http.StatusBadGateway, verdict: verdict, problems: []string{problem}})
			return
		}
	}
	c.again(v, p, returned{status: http.StatusConflict, problems: []string{"Others pushed again and again meanwhile. Try once more."}})
}

// commit is what is published of a proposal: upon the commit that it was judged on,
// and no newer one.
func (c *Console) commit(v *visit, p proposal, judged *verdict) Commit {
	form := v.r.PostForm
	message := writtenMessage(form)
	if message == "" {
		message = judged.Message
	}
	commit := Commit{
		Base: judged.base, Branch: judged.branch, Files: map[string][]byte{judged.change.Path: judged.change.Data},
		Name: v.session.User.Display, Email: v.session.User.Email, Message: message + "\n",
	}
	if form.Get("where") == "branch" {
		commit.NewBranch, commit.Branch = true, strings.TrimSpace(form.Get("own"))
		if commit.Branch == "" {
			commit.Branch = c.ownBranch(v.session, p.name)
		}
	}
	return commit
}

// writtenMessage is the commit's message that a form has.
func writtenMessage(form url.Values) string {
	return strings.TrimSpace(draft.LineFeeds(form.Get("message")))
}

// readTip reads the repository until the tip is what was read last. That the new
// revision is refused or held is no matter here.
func (c *Console) readTip(ctx context.Context, tip string) error {
	err := c.o.Sync(ctx)
	if b := c.base(); tip == "" || b.Commit() == tip || err == nil {
		return nil
	}
	return err
}

// notPublished says why a push failed, with the form as it was.
func (c *Console) notPublished(v *visit, p proposal, verdict *verdict, err error) {
	back := returned{status: http.StatusConflict, verdict: verdict}
	protected, taken := &ProtectedError{}, &TakenError{}
	switch {
	case errors.As(err, &protected):
		told := "The repository takes no commit on this branch from here. Push to a new branch instead, and ask for a merge. It says:"
		back.protects, back.problems = true, append([]string{told}, strings.Split(protected.Says, "\n")...)
	case errors.As(err, &taken):
		back.taken, back.problems = true, []string{"There is a branch " + taken.Branch + " already. Nothing was pushed. A name that is free is filled in."}
	default:
		c.o.Logger.Warn().Func(by(v.session.User)).Err(err).Msg("a change could not be pushed")
		back.status, back.problems = http.StatusBadGateway, []string{"Nothing was pushed: " + err.Error()}
	}
	c.again(v, p, back)
}

// returned is why a form comes back.
type returned struct {
	status   int
	verdict  *verdict // nil: the script asks for it
	problems []string
	protects bool // the branch takes no pushes from here
	taken    bool // there is a branch already of the name of the new one
}

// again shows the form once more, as it was filled in: with the document that it was
// made of, whatever others have pushed meanwhile. What they changed is no change of
// whoever sends it again.
func (c *Console) again(v *visit, p proposal, back returned) {
	form := maps.Clone(v.r.PostForm)
	if writtenMessage(form) == p.message() {
		form.Del("message") // it was suggested, and may not fit what is filled in next
	}
	if back.taken {
		form.Del("own")
	}
	var page changePage
	switch {
	case p.about == aboutNew:
		page = c.newPage(v)
	case schema.IsEndpointName(p.name) && (p.about == aboutChange || p.about == aboutDelete):
		page = c.pageOf(v, p)
	default:
		v.fail(back.status, "The form is not one of this console.", p.problems...)
		return
	}
	if form.Has("yaml") {
		page.YAML = form.Get("yaml")
	}
	page.Form, page.Verdict, page.Problems, page.Protects = form, back.verdict, back.problems, back.protects
	page.AsYAML = page.AsYAML || form.Get("mode") == "yaml"
	v.show(back.status, "change", page.Title(), "endpoints", "", page)
}

// told waits until the commit serves, and tells what became of it.
func (c *Console) told(v *visit, p proposal, commit Commit, published Published) {
	page := publishedPage{
		Name: p.name, Gone: p.about == aboutDelete, Commit: published, Message: commit.Message,
		Redone: commit.Base != p.base, Branch: commit.NewBranch,
	}
	if commit.NewBranch {
		page.Link = mergeLink(v.follow.Repository, v.follow.Branch, published.Branch)
		v.show(http.StatusOK, "published", "Pushed", "endpoints", "", page)
		return
	}
	ctx, cancel := context.WithTimeout(v.r.Context(), serveWithin)
	defer cancel()
	err := c.o.Sync(ctx)
	v.follow = c.o.Following()
	page.Serves = v.follow.Live != nil && v.follow.Live.Commit == published.Commit
	if err != nil && !page.Serves {
		page.Problem = sentence(err.Error())
		if problems, ok := errors.AsType[schema.Diagnostics](err); ok {
			page.Problem = "The revision is refused: " + problems[0].String()
		}
	}
	v.show(http.StatusOK, "published", "Pushed", "endpoints", "", page)
}

// order is a change of what is followed, not of a document.
func (c *Console) order(v *visit) {
	commit := v.r.PostForm.Get("commit")
	var err error
	switch v.r.URL.Path {
	case "/console/sync":
		err = c.o.Sync(v.r.Context())
	case "/console/accept":
		err = c.o.Accept(v.r.Context(), commit)
	case "/console/pin":
		err = c.o.Pin(v.r.Context(), commit)
	case "/console/unpin":
		err = c.o.Unpin(v.r.Context())
	}
	c.o.Logger.Info().Func(by(v.session.User)).Str("order", v.r.URL.Path).Str("commit", commit).Err(err).
		Msg("somebody gave an order")
	if err != nil {
		v.follow = c.o.Following()
		v.fail(http.StatusConflict, "That was not done.", strings.Split(err.Error(), "\n")...)
		return
	}
	http.Redirect(v.w, v.r, "/console/revisions", http.StatusSeeOther)
}
