// Package record defines records, the log lines about live attempts and copies,
// and writes them without ever holding up who produced them.
//
// A [Record] is encoded as one line of JSON with [AppendJSON]; the names of its
// fields stand in fields.go and are a contract with those who read the log.
//
// A [Log] takes records and the lines of process events (it is the writer of the
// process's zerolog.Logger) into bounded memory, from where its one writer brings
// them to the sink: stdout, a [File], any io.Writer. A sink that blocks or fails
// costs lines, which are counted and told in one line afterwards; it never costs
// a producer more than a lock held for the copying of a line.
//
//	l := record.NewLog(record.Options{Writer: os.Stdout})
//	events := zerolog.New(l)
//	go func() { done <- l.Run(ctx) }()
//	l.Append(&record.Record{...})
package record
