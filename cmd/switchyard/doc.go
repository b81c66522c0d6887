// Command switchyard is a git-backed gateway in front of model deployments.
//
//	switchyard serve    follow a repository and serve its endpoints
//	switchyard check    say what is wrong with endpoints and deployments before they are pushed
//	switchyard plan     say what a revision would change against the one that serves
//	switchyard revisions, pin, unpin, sync
//	                    list what served, go back to it, and confirm what is held
//	switchyard key      make API keys, verify one, and list those of a repository
//	switchyard report, logs, replay
//	                    say whether a mirror may be promoted, show records, and send captured
//	                    requests to a deployment before it is one
//	switchyard demo     try all of it with nothing but this binary
//	switchyard schema   print a JSON Schema for editors
//	switchyard version  say what this binary is
//
// Its exit codes are 0 when all is well, 1 when a check found problems (or
// plan --exit-code changes), 2 when it was called wrongly and 3 when it could not do what it was asked.
//
// Only this package and the ones under it see arguments, the environment,
// signals and the exit code.
package main
