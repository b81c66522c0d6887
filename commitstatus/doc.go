// Package commitstatus tells a git forge what became of a commit, so that it
// stands beside the commit and its pull request: pending while it is checked,
// success when it is live, failure with the first diagnostic.
//
// [Reporter.Report] only notes what to tell; [Reporter.Run] does it, one call at
// a time, each with a deadline. For one commit the latest status wins; of many
// commits the oldest wait in vain, and are counted. A forge that is down, slow or
// limits the rate is asked again later, after the Retry-After that it gives, and
// finally given up. Nothing of this is waited for by whoever serves the commit.
//
// GitHub, GitLab and Gitea (and Forgejo, which speaks like it) are spoken to as
// their REST APIs are documented. Where the API is and which project is meant
// follows from the repository's URL, or is given.
//
// A token goes to the API's host and to no other, never over plain http but to
// this machine, and into no error and no log.
package commitstatus
