// Package record defines records, the log lines about live attempts and copies,
// and writes them without ever holding up who produced them.
package record
