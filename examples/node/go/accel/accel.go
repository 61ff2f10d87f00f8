// Package accel is what a node in Go puts around libaccel: one cgo call for each batch, errors as values, a status for
// each item.
//
// Any number of goroutines may call any function; only Close must not run beside a use of the same value.
//
// # How memory crosses
//
// C sees Go slices during a call and keeps no pointer to them. The struct accel_messages, which holds pointers, is made
// on C's side (the small functions below), so that no Go memory with Go pointers in it is ever passed.
package accel

/*
#cgo pkg-config: accel
#include <accel/accel.h>

static accel_messages messages(const uint8_t* data, uint64_t size, const int64_t* offsets) {
  accel_messages m = {.struct_size = sizeof m, .layout = ACCEL_LAYOUT_RAGGED64};
  m.data = data;
  m.data_size = size;
  m.offsets = offsets;
  return m;
}

static accel_status hash_messages(uint8_t* digests, const uint8_t* data, uint64_t size, const int64_t* offsets,
                                  uint64_t count) {
  const accel_messages m = messages(data, size, offsets);
  return accel_sm3_hash_messages(NULL, digests, &m, count);
}

static accel_status verify(uint8_t* statuses, const uint8_t* keys, const uint8_t* signatures, const uint8_t* data,
                           uint64_t size, const int64_t* offsets, const uint8_t* id, uint64_t id_length,
                           uint64_t count) {
  const accel_messages m = messages(data, size, offsets);
  return accel_sm2_verify_many(NULL, statuses, keys, 64, signatures, 64, &m, id, id_length, count);
}

static accel_status ring_verify(uint8_t* statuses, const accel_sm2_keyring* ring, const uint32_t* indices,
                                const uint8_t* signatures, const uint8_t* data, uint64_t size, const int64_t* offsets,
                                uint64_t count) {
  const accel_messages m = messages(data, size, offsets);
  return accel_sm2_keyring_verify_many(NULL, statuses, ring, indices, signatures, 64, &m, count);
}

static accel_status tree_append(accel_merkle_tree* tree, const uint8_t* data, uint64_t size, const int64_t* offsets,
                                uint64_t count) {
  const accel_messages m = messages(data, size, offsets);
  return accel_merkle_tree_append(tree, &m, count);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// Sizes in bytes.
const (
	PublicKeySize = 64 // x || y
	SignatureSize = 64 // r || s
	HashSize      = int(C.ACCEL_SM3_SIZE)
	MaxIDLength   = int(C.ACCEL_SM2_MAX_ID_LENGTH)
)

// Status says what an item is, or whether a call ran. The zero value is never success.
type Status uint8

const (
	NotChecked   = Status(C.ACCEL_NOT_CHECKED)
	OK           = Status(C.ACCEL_OK)
	BadSignature = Status(C.ACCEL_BAD_SIGNATURE)
	BadKey       = Status(C.ACCEL_BAD_KEY)
	BadRange     = Status(C.ACCEL_BAD_RANGE)
	BadArgument  = Status(C.ACCEL_BAD_ARGUMENT)
)

// String is the status's name in accel.h without its prefix.
func (s Status) String() string { return C.GoString(C.accel_status_name(C.int(s))) }

// Error is a call that did not run. A bad signature is no error but an item's status.
type Error struct {
	Status  Status
	Message string
}

func (e *Error) Error() string { return "accel: " + e.Status.String() + ": " + e.Message }

var errClosed = errors.New("accel: used after Close")

// run makes one call. accel_last_error belongs to the thread of the call, so the goroutine stays on it in between.
func run(call func() C.accel_status) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if status := call(); status != C.ACCEL_OK {
		return &Error{Status(status), C.GoString(C.accel_last_error())}
	}
	return nil
}

// RequireABI returns an error unless the library that was loaded is the one that this program was compiled for. Call it
// first.
func RequireABI() error {
	return run(func() C.accel_status { return C.accel_require_abi(C.ACCEL_ABI_VERSION) })
}

// Version of the library that was loaded.
func Version() string { return C.GoString(C.accel_version()) }

// Messages is a batch in one buffer: message i is Data[Offsets[i]:Offsets[i+1]]. The library checks the offsets.
type Messages struct {
	Data    []byte
	Offsets []int64
}

// NewMessages copies messages into one buffer.
func NewMessages(items [][]byte) Messages {
	size := 0
	for _, item := range items {
		size += len(item)
	}
	m := Messages{make([]byte, 0, size), make([]int64, 1, len(items)+1)}
	for _, item := range items {
		m.Data = append(m.Data, item...)
		m.Offsets = append(m.Offsets, int64(len(m.Data)))
	}
	return m
}

// Len is the number of messages.
func (m Messages) Len() int {
	if len(m.Offsets) == 0 {
		return 0
	}
	return len(m.Offsets) - 1
}

// ID of the signers, which is part of what they sign.
type ID struct {
	id   []byte
	noZA bool
}

// NewID is an ID of at most MaxIDLength bytes.
func NewID(id []byte) ID { return ID{id: append([]byte(nil), id...)} }

var (
	// DefaultID is the standard's.
	DefaultID = NewID([]byte(C.ACCEL_SM2_DEFAULT_ID))
	// NoZA stands for signatures over SM3(M) alone.
	NoZA = ID{noZA: true}
)

func (id ID) length() C.uint64_t {
	if id.noZA {
		return C.ACCEL_SM2_NO_ZA
	}
	return C.uint64_t(len(id.id))
}

// bytesOf is the address of a slice's first byte; nil for an empty one.
func bytesOf(s []byte) *C.uint8_t {
	if len(s) == 0 {
		return nil
	}
	return (*C.uint8_t)(&s[0])
}

func offsetsOf(m Messages) *C.int64_t {
	if len(m.Offsets) == 0 {
		return nil
	}
	return (*C.int64_t)(&m.Offsets[0])
}

func statusesOf(s []Status) *C.uint8_t {
	if len(s) == 0 {
		return nil
	}
	return (*C.uint8_t)(unsafe.Pointer(&s[0]))
}

func requireSize(name string, got, count, size int) error {
	if got != count*size {
		return &Error{BadArgument, fmt.Sprintf("%s: expected %d bytes for %d items, got %d", name, count*size, count, got)}
	}
	return nil
}

// HashMany returns the SM3 digests of the messages, HashSize bytes each, one after the other.
func HashMany(messages Messages) ([]byte, error) {
	count := messages.Len()
	digests := make([]byte, count*HashSize)
	err := run(func() C.accel_status {
		return C.hash_messages(bytesOf(digests), bytesOf(messages.Data), C.uint64_t(len(messages.Data)),
			offsetsOf(messages), C.uint64_t(count))
	})
	if err != nil {
		return nil, err
	}
	return digests, nil
}

// VerifyMany returns one status for each signature, each with a key of its own. keys and signatures lie one after the
// other.
func VerifyMany(keys, signatures []byte, messages Messages, id ID) ([]Status, error) {
	count := messages.Len()
	if err := requireSize("keys", len(keys), count, PublicKeySize); err != nil {
		return nil, err
	}
	if err := requireSize("signatures", len(signatures), count, SignatureSize); err != nil {
		return nil, err
	}
	statuses := make([]Status, count)
	err := run(func() C.accel_status {
		return C.verify(statusesOf(statuses), bytesOf(keys), bytesOf(signatures), bytesOf(messages.Data),
			C.uint64_t(len(messages.Data)), offsetsOf(messages), bytesOf(id.id), id.length(), C.uint64_t(count))
	})
	if err != nil {
		return nil, err
	}
	return statuses, nil
}

// KeyRing holds known signers: their keys checked once, tables kept. Verification by it is several times faster.
type KeyRing struct {
	handle *C.accel_sm2_keyring
}

// NewKeyRing makes a ring of keys that lie one after the other. A key that is no point of the curve is an error.
// memoryLimit is in bytes, for tables; 0 is the default of 1 GiB.
func NewKeyRing(keys []byte, id ID, memoryLimit uint64) (*KeyRing, error) {
	count := len(keys) / PublicKeySize
	if err := requireSize("keys", len(keys), count, PublicKeySize); err != nil {
		return nil, err
	}
	ring := &KeyRing{}
	err := run(func() C.accel_status {
		return C.accel_sm2_keyring_new(nil, &ring.handle, nil, bytesOf(keys), PublicKeySize, bytesOf(id.id), id.length(),
			C.uint64_t(memoryLimit), C.uint64_t(count))
	})
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(ring, (*KeyRing).Close) // for whoever forgets
	return ring, nil
}

// Close frees the ring. Closing twice is allowed.
func (r *KeyRing) Close() {
	runtime.SetFinalizer(r, nil)
	C.accel_sm2_keyring_free(r.handle)
	r.handle = nil
}

// VerifyMany checks item i against key indices[i] of the ring.
func (r *KeyRing) VerifyMany(indices []uint32, signatures []byte, messages Messages) ([]Status, error) {
	count := messages.Len()
	if r.handle == nil {
		return nil, errClosed
	}
	if err := requireSize("indices", 4*len(indices), count, 4); err != nil {
		return nil, err
	}
	if err := requireSize("signatures", len(signatures), count, SignatureSize); err != nil {
		return nil, err
	}
	var first *C.uint32_t
	if count > 0 {
		first = (*C.uint32_t)(&indices[0])
	}
	statuses := make([]Status, count)
	err := run(func() C.accel_status {
		return C.ring_verify(statusesOf(statuses), r.handle, first, bytesOf(signatures), bytesOf(messages.Data),
			C.uint64_t(len(messages.Data)), offsetsOf(messages), C.uint64_t(count))
	})
	runtime.KeepAlive(r) // or its finalizer could run during the call
	if err != nil {
		return nil, err
	}
	return statuses, nil
}

// Rule of a Merkle tree.
type Rule uint32

const (
	RFC9162    = Rule(C.ACCEL_MERKLE_RFC9162)
	ChainMaker = Rule(C.ACCEL_MERKLE_CHAINMAKER)
	BCOS       = Rule(C.ACCEL_MERKLE_BCOS)
)

// String is the rule's name, or its number if it has none.
func (r Rule) String() string {
	var name *C.char
	if C.accel_merkle_rule_name(&name, C.uint32_t(r)) != C.ACCEL_OK {
		return fmt.Sprintf("Rule(%d)", uint32(r))
	}
	return C.GoString(name)
}

// RootTree is a Merkle tree that keeps its right edge: enough for the root.
type RootTree struct {
	handle *C.accel_merkle_tree
}

// NewRootTree makes a tree without leaves.
func NewRootTree(rule Rule) (*RootTree, error) {
	tree := &RootTree{}
	err := run(func() C.accel_status {
		return C.accel_merkle_tree_new(nil, &tree.handle, C.uint32_t(rule), C.ACCEL_MERKLE_KEEP_ROOT)
	})
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(tree, (*RootTree).Close)
	return tree, nil
}

// Close frees the tree. Closing twice is allowed.
func (t *RootTree) Close() {
	runtime.SetFinalizer(t, nil)
	C.accel_merkle_tree_free(t.handle)
	t.handle = nil
}

// Append adds leaves at the end.
func (t *RootTree) Append(leaves Messages) error {
	if t.handle == nil {
		return errClosed
	}
	err := run(func() C.accel_status {
		return C.tree_append(t.handle, bytesOf(leaves.Data), C.uint64_t(len(leaves.Data)), offsetsOf(leaves),
			C.uint64_t(leaves.Len()))
	})
	runtime.KeepAlive(t)
	return err
}

// Root of the leaves so far.
func (t *RootTree) Root() (root [HashSize]byte, err error) {
	if t.handle == nil {
		return root, errClosed
	}
	err = run(func() C.accel_status {
		return C.accel_merkle_tree_head(t.handle, (*C.uint8_t)(&root[0]), nil)
	})
	runtime.KeepAlive(t)
	return root, err
}
