// verifyblock verifies a raw block with libaccel, by explicit keys and by a ring of known signers, and builds its Merkle
// root.
//
//	verifyblock [--json] DIR
//
// Exit code 0: all as the block records it; 1: something differs; 2: the job could not run (a sentence on standard error
// says why).
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"verifyblock/accel"
	"verifyblock/block"
)

const (
	asRecorded = 0
	differs    = 1
	failed     = 2
)

type verdicts struct {
	Valid     int  `json:"valid"`
	Bad       int  `json:"bad"`
	Differing int  `json:"differing"`
	KnownRows *int `json:"known_rows,omitempty"`

	statuses       []accel.Status
	firstDiffering int
}

type badRow struct {
	Row    int    `json:"row"`
	Status string `json:"status"`
}

type report struct {
	Language       string   `json:"language"`
	Accel          string   `json:"accel"`
	Rows           int      `json:"rows"`
	Signers        int      `json:"signers"`
	Keys           verdicts `json:"keys"`
	KeyRing        verdicts `json:"key_ring"`
	Bad            []badRow `json:"bad"`
	MerkleRule     string   `json:"merkle_rule"`
	MerkleRoot     string   `json:"merkle_root"`
	RootAsRecorded bool     `json:"root_as_recorded"`
	AsRecorded     bool     `json:"as_recorded"`
}

func compare(statuses []accel.Status, b *block.Block) verdicts {
	v := verdicts{statuses: statuses}
	for row, status := range statuses {
		if status == accel.OK {
			v.Valid++
		}
		if status != b.Statuses[row] {
			if v.Differing == 0 {
				v.firstDiffering = row
			}
			v.Differing++
		}
	}
	v.Bad = len(statuses) - v.Valid
	return v
}

// selection is the rows of a block that go through one call.
type selection struct {
	rows       []int
	indices    []uint32 // of known keys
	keys       []byte
	signatures []byte
	messages   [][]byte
}

func (s *selection) add(b *block.Block, row int, index uint32) {
	s.rows = append(s.rows, row)
	s.indices = append(s.indices, index)
	s.keys = append(s.keys, b.PublicKey(row)...)
	s.signatures = append(s.signatures, b.Signature(row)...)
	s.messages = append(s.messages, b.Message(row))
}

// verifyByRing gives known signers to the ring and the others to their own keys. The row's whole key decides which it
// is: nothing that the block says about its signers is believed. A node makes its ring once, when the consortium's
// members change.
func verifyByRing(b *block.Block) (statuses []accel.Status, knownRows int, err error) {
	ring, err := accel.NewKeyRing(b.Signers, b.ID, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("signers.bin: %w", err)
	}
	defer ring.Close()
	index := make(map[[accel.PublicKeySize]byte]uint32)
	var key [accel.PublicKeySize]byte
	for i := 0; i < len(b.Signers)/accel.PublicKeySize; i++ {
		copy(key[:], b.Signers[i*accel.PublicKeySize:])
		index[key] = uint32(i)
	}
	var known, strangers selection
	for row := 0; row < b.Rows; row++ {
		copy(key[:], b.PublicKey(row))
		if i, found := index[key]; found {
			known.add(b, row, i)
		} else {
			strangers.add(b, row, 0)
		}
	}
	ofKnown, err := ring.VerifyMany(known.indices, known.signatures, accel.NewMessages(known.messages))
	if err != nil {
		return nil, 0, err
	}
	ofStrangers, err := accel.VerifyMany(strangers.keys, strangers.signatures, accel.NewMessages(strangers.messages), b.ID)
	if err != nil {
		return nil, 0, err
	}
	statuses = make([]accel.Status, b.Rows)
	for i, row := range known.rows {
		statuses[row] = ofKnown[i]
	}
	for i, row := range strangers.rows {
		statuses[row] = ofStrangers[i]
	}
	return statuses, len(known.rows), nil
}

func merkleRoot(b *block.Block) (root [accel.HashSize]byte, err error) {
	tree, err := accel.NewRootTree(b.Rule)
	if err != nil {
		return root, err
	}
	defer tree.Close()
	if err := tree.Append(b.Messages); err != nil {
		return root, err
	}
	return tree.Root()
}

func verify(b *block.Block) (*report, error) {
	byKeys, err := accel.VerifyMany(b.PublicKeys, b.Signatures, b.Messages, b.ID)
	if err != nil {
		return nil, err
	}
	byRing, knownRows, err := verifyByRing(b)
	if err != nil {
		return nil, err
	}
	root, err := merkleRoot(b)
	if err != nil {
		return nil, err
	}
	r := &report{
		Language: "go", Accel: accel.Version(), Rows: b.Rows, Signers: len(b.Signers) / accel.PublicKeySize,
		Keys: compare(byKeys, b), KeyRing: compare(byRing, b), Bad: []badRow{},
		MerkleRule: b.Rule.String(), MerkleRoot: hex.EncodeToString(root[:]), RootAsRecorded: root == b.Root,
	}
	r.KeyRing.KnownRows = &knownRows
	for row, status := range byKeys {
		if status != accel.OK {
			r.Bad = append(r.Bad, badRow{row, status.String()})
		}
	}
	r.AsRecorded = r.Keys.Differing == 0 && r.KeyRing.Differing == 0 && r.RootAsRecorded
	return r, nil
}

func (v *verdicts) text(b *block.Block) string {
	counts := fmt.Sprintf("%d of %d valid, %d bad: ", v.Valid, b.Rows, v.Bad)
	if v.Differing == 0 {
		return counts + "as recorded"
	}
	return counts + fmt.Sprintf("%d DIFFER, the first is row %d: %s, recorded as %s", v.Differing, v.firstDiffering,
		v.statuses[v.firstDiffering], b.Statuses[v.firstDiffering])
}

func (r *report) text(b *block.Block) string {
	const shown = 10
	root := "as recorded"
	if !r.RootAsRecorded {
		root = "DIFFERS"
	}
	text := fmt.Sprintf("keys      %s\nkey ring  %s\nroot      %s %s: %s\n", r.Keys.text(b), r.KeyRing.text(b), r.MerkleRoot,
		r.MerkleRule, root)
	var bad []string
	for i := 0; i < len(r.Bad) && i < shown; i++ {
		bad = append(bad, fmt.Sprintf("%d %s", r.Bad[i].Row, r.Bad[i].Status))
	}
	if len(r.Bad) > shown {
		bad = append(bad, fmt.Sprintf("and %d more", len(r.Bad)-shown))
	}
	if len(bad) > 0 {
		text += "bad rows  " + strings.Join(bad, ", ") + "\n"
	}
	return text
}

func run(directory string, asJSON bool, out io.Writer) (int, error) {
	if err := accel.RequireABI(); err != nil {
		return failed, err
	}
	b, err := block.Read(directory)
	if err != nil {
		return failed, err
	}
	r, err := verify(b)
	if err != nil {
		return failed, err
	}
	if asJSON {
		err = json.NewEncoder(out).Encode(r)
	} else {
		_, err = io.WriteString(out, r.text(b))
	}
	if err != nil {
		return failed, err
	}
	if !r.AsRecorded {
		return differs, nil
	}
	return asRecorded, nil
}

func main() {
	arguments := os.Args[1:]
	asJSON := len(arguments) == 2 && arguments[0] == "--json"
	if asJSON {
		arguments = arguments[1:]
	}
	if len(arguments) != 1 || strings.HasPrefix(arguments[0], "-") {
		fmt.Fprintln(os.Stderr, "usage: verifyblock [--json] DIR")
		os.Exit(failed)
	}
	code, err := run(arguments[0], asJSON, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "verifyblock:", err)
	}
	os.Exit(code)
}
