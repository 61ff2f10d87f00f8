package accel

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
)

// GB/T 32918.5-2017, annex A.2.
var (
	key = unhex("09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020" +
		"ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13")
	signature = unhex("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3" +
		"b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa")
	message = []byte("message digest")
)

// GB/T 32905-2016, annex A, example 1.
const abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"

func unhex(text string) []byte {
	content, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return content
}

// batch is the standard's signature, then one with a bit flipped, one with r = 0 and one whose key is off the curve.
func batch() (keys, signatures []byte, messages Messages, want []Status) {
	keys = bytes.Repeat(key, 4)
	signatures = bytes.Repeat(signature, 4)
	signatures[64+20] ^= 1
	copy(signatures[2*64:], make([]byte, 32))
	keys[3*64+63] ^= 1
	return keys, signatures, NewMessages([][]byte{message, message, message, message}),
		[]Status{OK, BadSignature, BadRange, BadKey}
}

func require(t *testing.T, got []Status, err error, want []Status) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func requireError(t *testing.T, err error, status Status, words string) {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) || failed.Status != status || !strings.Contains(failed.Message, words) {
		t.Fatalf("got %v, want %v with %q", err, status, words)
	}
}

func TestABI(t *testing.T) {
	if err := RequireABI(); err != nil {
		t.Fatal(err)
	}
	if Version() == "" {
		t.Fatal("no version")
	}
}

func TestHashMany(t *testing.T) {
	digests, err := HashMany(NewMessages([][]byte{[]byte("abc"), nil, []byte("abc")}))
	if err != nil {
		t.Fatal(err)
	}
	if len(digests) != 3*HashSize || hex.EncodeToString(digests[:HashSize]) != abc || !bytes.Equal(digests[:32], digests[64:]) {
		t.Fatalf("got %x", digests)
	}
	if digests, err := HashMany(Messages{}); err != nil || len(digests) != 0 {
		t.Fatal(digests, err)
	}
}

func TestVerifyMany(t *testing.T) {
	keys, signatures, messages, want := batch()
	got, err := VerifyMany(keys, signatures, messages, DefaultID)
	require(t, got, err, want)
	got, err = VerifyMany(key, signature, NewMessages([][]byte{message}), NewID([]byte("another")))
	require(t, got, err, []Status{BadSignature})
	got, err = VerifyMany(key, signature, NewMessages([][]byte{message}), NoZA)
	require(t, got, err, []Status{BadSignature})
	got, err = VerifyMany(nil, nil, NewMessages(nil), NewID(nil))
	require(t, got, err, nil)
	if names := []string{OK.String(), BadRange.String(), Status(99).String()}; strings.Join(names, " ") != "OK BAD_RANGE UNKNOWN" {
		t.Fatal(names)
	}
}

func TestVerifyManyRefuses(t *testing.T) {
	keys, signatures, messages, _ := batch()
	_, err := VerifyMany(keys[1:], signatures, messages, DefaultID)
	requireError(t, err, BadArgument, "keys: expected 256 bytes for 4 items, got 255")
	_, err = VerifyMany(keys, signatures[:64], messages, DefaultID)
	requireError(t, err, BadArgument, "signatures")
	messages.Offsets[2] = 1 << 40
	_, err = VerifyMany(keys, signatures, messages, DefaultID)
	requireError(t, err, BadArgument, "offsets")
	_, err = VerifyMany(key, signature, NewMessages([][]byte{message}), NewID(make([]byte, MaxIDLength+1)))
	requireError(t, err, BadArgument, "id")
}

func TestKeyRing(t *testing.T) {
	_, signatures, messages, want := batch()
	ring, err := NewKeyRing(key, DefaultID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	indices := make([]uint32, 4)
	want[3] = OK // the key is the ring's
	var group sync.WaitGroup
	for i := 0; i < 8; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for j := 0; j < 20; j++ {
				got, err := ring.VerifyMany(indices, signatures, messages)
				if err != nil || !bytes.Equal(asBytes(got), asBytes(want)) {
					t.Errorf("got %v %v, want %v", got, err, want)
				}
			}
		}()
	}
	group.Wait()
	indices[1] = 1
	_, err = ring.VerifyMany(indices, signatures, messages)
	requireError(t, err, BadArgument, "ind")
	_, err = ring.VerifyMany(indices[:1], signatures, messages)
	requireError(t, err, BadArgument, "indices")
	ring.Close()
	if _, err = ring.VerifyMany(indices, signatures, messages); err != errClosed {
		t.Fatal(err)
	}
	bad := append(append([]byte(nil), key...), make([]byte, 64)...)
	_, err = NewKeyRing(bad, DefaultID, 1<<20)
	requireError(t, err, BadKey, "1")
}

func asBytes(statuses []Status) []byte {
	out := make([]byte, len(statuses))
	for i, status := range statuses {
		out[i] = byte(status)
	}
	return out
}

// Errors belong to threads: many goroutines fail at once, and each gets its own sentence.
func TestErrorsOfManyGoroutines(t *testing.T) {
	var group sync.WaitGroup
	for i := 1; i <= 16; i++ {
		group.Add(1)
		go func(length int) {
			defer group.Done()
			for j := 0; j < 50; j++ {
				_, err := VerifyMany(key, signature, NewMessages([][]byte{message}), NewID(make([]byte, MaxIDLength+length)))
				var failed *Error
				if !errors.As(err, &failed) || failed.Status != BadArgument || failed.Message == "" {
					t.Errorf("got %v", err)
				}
			}
		}(i)
	}
	group.Wait()
}

func TestRootTree(t *testing.T) {
	for _, rule := range []Rule{RFC9162, ChainMaker, BCOS} {
		tree, err := NewRootTree(rule)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Append(NewMessages([][]byte{[]byte("abc")})); err != nil {
			t.Fatal(err)
		}
		root, err := tree.Root()
		if err != nil {
			t.Fatal(err)
		}
		if rule != RFC9162 && hex.EncodeToString(root[:]) != abc { // one leaf: its hash, which has no prefix
			t.Fatalf("%v: got %x", rule, root)
		}
		tree.Close()
		tree.Close()
		if _, err := tree.Root(); err != errClosed {
			t.Fatal(err)
		}
	}
	_, err := NewRootTree(Rule(99))
	requireError(t, err, BadArgument, "rule")
}
