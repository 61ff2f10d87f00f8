// Package block reads raw blocks: directories that `accel make-block --raw` writes (docs/raw-blocks.md).
package block

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"verifyblock/accel"
)

// A header is a stranger's word. These bound what is allocated for it: 4 GiB for each file.
const (
	maxRows         = 1 << 26
	maxMessageBytes = 1 << 32
	headerSize      = 64
)

// Block is a raw block in memory.
type Block struct {
	Rule       accel.Rule
	ID         accel.ID
	Rows       int
	PublicKeys []byte // Rows keys
	Signatures []byte // Rows signatures
	Messages   accel.Messages
	Statuses   []accel.Status // what verification has to give
	Signers    []byte         // the keys that are known
	Root       [accel.HashSize]byte
}

// Message of a row.
func (b *Block) Message(row int) []byte {
	return b.Messages.Data[b.Messages.Offsets[row]:b.Messages.Offsets[row+1]]
}

// PublicKey of a row.
func (b *Block) PublicKey(row int) []byte {
	return b.PublicKeys[row*accel.PublicKeySize:][:accel.PublicKeySize]
}

// Signature of a row.
func (b *Block) Signature(row int) []byte {
	return b.Signatures[row*accel.SignatureSize:][:accel.SignatureSize]
}

// Read a directory. An error says which file is not as the header says.
func Read(directory string) (*Block, error) {
	header, err := readFile(directory, "header.bin", headerSize)
	if err != nil {
		return nil, err
	}
	little := binary.LittleEndian
	if string(header[:8]) != "accelraw" {
		return nil, fmt.Errorf("%s: not a raw block", directory)
	}
	if version := little.Uint32(header[8:]); version != 1 {
		return nil, fmt.Errorf("%s: expected version 1, got %d", directory, version)
	}
	rows, signers, messageBytes := little.Uint64(header[16:]), little.Uint64(header[24:]), little.Uint64(header[32:])
	idLength := little.Uint64(header[40:])
	if rows > maxRows || signers > maxRows || messageBytes > maxMessageBytes {
		return nil, fmt.Errorf("%s: larger than this program takes", directory)
	}
	b := &Block{Rule: accel.Rule(little.Uint32(header[12:])), Rows: int(rows), ID: accel.NoZA}
	if idLength != math.MaxUint64 { // ACCEL_SM2_NO_ZA
		if idLength > uint64(accel.MaxIDLength) {
			return nil, fmt.Errorf("%s: the ID is too long", directory)
		}
		id, err := readFile(directory, "id.bin", idLength)
		if err != nil {
			return nil, err
		}
		b.ID = accel.NewID(id)
	}
	return b, b.readArrays(directory, rows, signers, messageBytes)
}

func (b *Block) readArrays(directory string, rows, signers, messageBytes uint64) error {
	var offsets, statuses, root []byte
	for _, file := range []struct {
		name string
		size uint64
		into *[]byte
	}{
		{"public_keys.bin", rows * accel.PublicKeySize, &b.PublicKeys},
		{"signatures.bin", rows * accel.SignatureSize, &b.Signatures},
		{"offsets.bin", 8 * (rows + 1), &offsets},
		{"messages.bin", messageBytes, &b.Messages.Data},
		{"statuses.bin", rows, &statuses},
		{"signers.bin", signers * accel.PublicKeySize, &b.Signers},
		{"root.bin", uint64(accel.HashSize), &root},
	} {
		content, err := readFile(directory, file.name, file.size)
		if err != nil {
			return err
		}
		*file.into = content
	}
	copy(b.Root[:], root)
	b.Statuses = make([]accel.Status, rows)
	for i, status := range statuses {
		b.Statuses[i] = accel.Status(status)
	}
	b.Messages.Offsets = make([]int64, rows+1)
	last := uint64(0)
	for i := range b.Messages.Offsets {
		offset := binary.LittleEndian.Uint64(offsets[8*i:])
		if offset < last || offset > messageBytes || (i == 0 && offset != 0) {
			return fmt.Errorf("%s/offsets.bin: expected 0 to %d without a decrease", directory, messageBytes)
		}
		b.Messages.Offsets[i] = int64(offset)
		last = offset
	}
	if last != messageBytes {
		return fmt.Errorf("%s/offsets.bin: ends at %d, and messages.bin at %d", directory, last, messageBytes)
	}
	return nil
}

// readFile reads a file that has exactly size bytes.
func readFile(directory, name string, size uint64) ([]byte, error) {
	path := filepath.Join(directory, name)
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || uint64(info.Size()) != size {
		return nil, fmt.Errorf("%s: expected a file of %d bytes, got %d", path, size, info.Size())
	}
	content := make([]byte, size)
	if _, err := io.ReadFull(file, content); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return content, nil
}
