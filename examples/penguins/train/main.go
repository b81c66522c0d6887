// Command train fits both models and writes them.
//
//	go run ./examples/penguins/train
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/switchyard-gateway/switchyard/examples/penguins"
)

func main() {
	if err := train(os.Stdout, filepath.Join("examples", "penguins")); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1) //nolint:forbidigo // this is the program
	}
}

func train(out io.Writer, folder string) error {
	all, err := penguins.Load()
	if err != nil {
		return err
	}
	names := penguins.Measurements()
	for version, known := range map[int][]string{1: names[:2], 2: names} {
		model, err := penguins.Train(all, known, version == 1)
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(model, "", "  ")
		if err != nil {
			return err
		}
		path := filepath.Join(folder, fmt.Sprintf("model_%d.json", version))
		if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
			return err
		}
		right, refused := model.Score(all)
		fmt.Fprintf(out, "%s: right about %d of %d penguins, refuses %d\n", path, right, len(all), refused)
	}
	return nil
}
