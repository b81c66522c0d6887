package penguins

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

//go:embed penguins.csv
var table string

// Measurements are the names of a penguin's measurements, in the order in which they
// are given.
func Measurements() []string {
	return []string{"bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"}
}

// Species are the names of the species.
func Species() []string { return []string{"Adelie", "Chinstrap", "Gentoo"} }

// Penguin is one row of the table.
type Penguin struct {
	Species  string
	Measured map[string]float64 // by the names of Measurements, without those that are missing
}

// Load reads the table.
func Load() ([]Penguin, error) {
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read penguins.csv: %w", err)
	}
	var all []Penguin
	for _, row := range rows[1:] {
		p := Penguin{Species: row[0], Measured: map[string]float64{}}
		for i, name := range Measurements() {
			text := row[2+i] // behind the species and the island
			if text == "" {
				continue
			}
			if p.Measured[name], err = strconv.ParseFloat(text, 64); err != nil {
				return nil, fmt.Errorf("read penguins.csv: %w", err)
			}
		}
		all = append(all, p)
	}
	return all, nil
}
