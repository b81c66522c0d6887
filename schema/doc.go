// Package schema parses the documents that people commit and says what is wrong with them.
package schema
