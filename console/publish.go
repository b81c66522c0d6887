package console

import (
	"context"
	"errors"
	"net/http"
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
		verdict, change := c.judge(v.r.Context(), p)
		if verdict.Conflict != nil {
			v.show(http.StatusConflict, "conflict", "Conflict", "endpoints", "", verdict.Conflict)
			return
		}
		if !verdict.OK() {
			c.again(v, http.StatusUnprocessableEntity, verdict, nil)
			return
		}
		commit := c.commit(v, p, change, verdict.Message)
		published, err := c.o.Publish(v.r.Context(), commit)
		if err == nil {
			c.o.Logger.Info().Func(by(v.session.User)).Str("endpoint", p.name).
				Str("commit", published.Commit).Str("branch", published.Branch).Msg("a change was pushed")
			c.told(v, p, commit, published)
			return
		}
		moved := &MovedError{}
		if !errors.As(err, &moved) {
			c.notPublished(v, verdict, err)
			return
		}
		if err := c.readTip(v.r.Context(), moved.Tip); err != nil {
			c.again(v, http.StatusBadGateway, verdict, []string{"Others pushed meanwhile, and the repository cannot be read: " + err.Error()})
			return
		}
	}
	c.again(v, http.StatusConflict, nil, []string{"Others pushed again and again meanwhile. Try once more."})
}

// commit is what is published of a proposal.
func (c *Console) commit(v *visit, p proposal, change draft.Change, suggested string) Commit {
	form, b := v.r.PostForm, c.base()
	message := strings.TrimSpace(strings.ReplaceAll(form.Get("message"), "\r\n", "\n"))
	if message == "" {
		message = suggested
	}
	commit := Commit{
		Base: b.Commit(), Branch: b.Newest.Branch, Files: map[string][]byte{change.Path: change.Data},
		Name: v.session.User.Display, Email: v.session.User.Email, Message: message + "\n",
	}
	if form.Get("where") == "branch" {
		commit.NewBranch, commit.Branch = true, strings.TrimSpace(form.Get("own"))
		if commit.Branch == "" {
			commit.Branch = ownBranch(v.session, p.name)
		}
	}
	return commit
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
func (c *Console) notPublished(v *visit, verdict *verdict, err error) {
	protected := &ProtectedError{}
	if errors.As(err, &protected) {
		told := "The repository takes no commit on this branch from here. Push to a new branch instead, and ask for a merge. It says:"
		c.again(v, http.StatusConflict, verdict, append([]string{told}, strings.Split(protected.Says, "\n")...))
		return
	}
	c.o.Logger.Warn().Func(by(v.session.User)).Err(err).Msg("a change could not be pushed")
	c.again(v, http.StatusBadGateway, verdict, []string{"Nothing was pushed: " + err.Error()})
}

// again shows the form once more, as it was filled in.
func (c *Console) again(v *visit, status int, verdict *verdict, problems []string) {
	form := v.r.PostForm
	page, ok := changePage{}, true
	switch form.Get("about") {
	case aboutNew:
		page = c.newPage(v)
		page.YAML = form.Get("yaml")
	case aboutDelete:
		page, ok = c.deletePage(v, form.Get("endpoint"))
	case aboutChange:
		if page, ok = c.changePage(v, form.Get("endpoint")); ok && form.Has("yaml") {
			page.YAML = form.Get("yaml")
		}
	}
	if !ok {
		v.fail(http.StatusConflict, "The endpoint is not there any more.", problems...)
		return
	}
	page.Form, page.Verdict, page.Problems = form, verdict, problems
	page.AsYAML = page.AsYAML || form.Get("mode") == "yaml"
	page.Protects = len(problems) > 0 && status == http.StatusConflict
	v.show(status, "change", page.Title(), "endpoints", "", page)
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
