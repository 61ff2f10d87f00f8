package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"verifyblock/accel"
)

// GB/T 32918.5-2017, annex A.2.
const (
	key = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020" +
		"ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
	signature = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3" +
		"b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
	message = "message digest"
)

// writeBlock writes two rows: the standard's signature, and the same with a key that nobody knows and that is off the
// curve.
func writeBlock(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	rawKey, _ := hex.DecodeString(key)
	rawSignature, _ := hex.DecodeString(signature)
	stranger := append([]byte(nil), rawKey...)
	stranger[63] ^= 1
	tree, err := accel.NewRootTree(accel.RFC9162)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if err := tree.Append(accel.NewMessages([][]byte{[]byte(message), []byte(message)})); err != nil {
		t.Fatal(err)
	}
	root, err := tree.Root()
	if err != nil {
		t.Fatal(err)
	}
	header := []byte("accelraw")
	little := binary.LittleEndian
	header = little.AppendUint32(header, 1)
	header = little.AppendUint32(header, uint32(accel.RFC9162))
	for _, value := range []uint64{2, 1, uint64(2 * len(message)), 16, 0, 0} {
		header = little.AppendUint64(header, value)
	}
	offsets := []byte{}
	for i := 0; i <= 2; i++ {
		offsets = little.AppendUint64(offsets, uint64(i*len(message)))
	}
	for name, content := range map[string][]byte{
		"header.bin":      header,
		"id.bin":          []byte("1234567812345678"),
		"public_keys.bin": append(append([]byte(nil), rawKey...), stranger...),
		"signatures.bin":  append(append([]byte(nil), rawSignature...), rawSignature...),
		"messages.bin":    []byte(message + message),
		"offsets.bin":     offsets,
		"statuses.bin":    {byte(accel.OK), byte(accel.BadKey)},
		"signers.bin":     rawKey,
		"root.bin":        root[:],
	} {
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func change(t *testing.T, directory, name string, at int) {
	t.Helper()
	path := filepath.Join(directory, name)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[at] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAsRecorded(t *testing.T) {
	var out bytes.Buffer
	code, err := run(writeBlock(t), true, &out)
	if code != asRecorded || err != nil {
		t.Fatal(code, err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Rows != 2 || r.Keys.Valid != 1 || r.KeyRing.Bad != 1 || *r.KeyRing.KnownRows != 1 || !r.AsRecorded ||
		len(r.Bad) != 1 || r.Bad[0] != (badRow{1, "BAD_KEY"}) {
		t.Fatal(out.String())
	}
}

func TestDiffers(t *testing.T) {
	for name, words := range map[string]string{
		"signatures.bin": "keys      0 of 2 valid, 2 bad: 1 DIFFER, the first is row 0: BAD_SIGNATURE, recorded as OK",
		"statuses.bin":   "1 DIFFER",
		"root.bin":       "rfc9162: DIFFERS",
	} {
		directory := writeBlock(t)
		change(t, directory, name, 0)
		if name == "signatures.bin" {
			change(t, directory, name, 0)
			change(t, directory, name, 31)
		}
		var out bytes.Buffer
		if code, err := run(directory, false, &out); code != differs || err != nil || !strings.Contains(out.String(), words) {
			t.Fatal(name, code, err, out.String())
		}
	}
}

func TestCannotRun(t *testing.T) {
	for name, break_ := range map[string]func(directory string) error{
		"no such directory": os.RemoveAll,
		"no file":           func(d string) error { return os.Remove(filepath.Join(d, "root.bin")) },
		"a short file":      func(d string) error { return os.Truncate(filepath.Join(d, "signatures.bin"), 100) },
		"an empty header":   func(d string) error { return os.Truncate(filepath.Join(d, "header.bin"), 0) },
		"signers off the curve": func(d string) error {
			return os.WriteFile(filepath.Join(d, "signers.bin"), make([]byte, 64), 0o600)
		},
	} {
		directory := writeBlock(t)
		if err := break_(directory); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if code, err := run(directory, false, &out); code != failed || err == nil || out.Len() != 0 {
			t.Fatal(name, code, err, out.String())
		}
	}
	for at, name := range map[int]string{0: "magic", 8: "version", 12: "rule", 23: "rows", 24: "signers", 39: "bytes", 41: "ID"} {
		directory := writeBlock(t)
		change(t, directory, "header.bin", at)
		if code, err := run(directory, false, &bytes.Buffer{}); code != failed || err == nil {
			t.Fatal(name, code, err)
		}
	}
	for at := 0; at < 24; at++ {
		directory := writeBlock(t)
		change(t, directory, "offsets.bin", at)
		if code, err := run(directory, false, &bytes.Buffer{}); code == asRecorded {
			t.Fatal(at, code, err)
		}
	}
}
