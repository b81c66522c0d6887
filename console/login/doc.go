// Package login says who is at the console's other end.
//
// [Users] are the lines of a file, which is read again when it changes:
//
//	NAME:ROLE:DISPLAY NAME <ADDRESS>:HASH
//
// ROLE is editor or viewer, the third part the author of the commits that the
// user makes, and HASH an Argon2id hash in the form of the PHC string format.
// [Line] makes such a line.
//
// [Token] is for those who hold a token of the admin listener and may look, and
// package issuer for those whom an OpenID provider knows.
//
// [Sessions] live in memory, so that a restart ends them: the browser holds a
// random token in a cookie that no other site can use and no script can read,
// the process its SHA-256 alone. A session of a user lasts as long as he
// stands in the file, one of a token as long as that is valid. Each has a token of its own that forms must carry, against requests
// that other sites make the browser send.
//
// A wrong password costs the time of a hash, whether the user exists or not. Two are
// made at a time, and few wait for that. After five of them, however many come at
// once, those who try have to wait, by address (of IPv6 by its /64) and by name.
package login
