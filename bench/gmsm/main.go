// Program gmsm does batches of SM2 and SM3 with github.com/emmansun/gmsm for accel.bench.peers.gmsm, and takes the time.
//
// First it writes a line: the module's version and Go's. Then it reads jobs on standard input and answers on standard
// output; numbers are little-endian. A job comes once and is done as often as is asked for:
//
//	job:    u8 operation, u32 count, then keys, signatures, contents and secrets, each as u64 length and bytes
//	asked:  one byte: do it now
//	answer: u64 CPU nanoseconds of the process, u64 nanoseconds by the monotonic clock, u64 length and bytes
//
// Keys are x ‖ y, signatures r ‖ s, contents digests or messages of one length, all of count items one after the other.
// What is timed is the calls of gmsm alone: keys are parsed and signatures encoded before, answers laid out afterwards.
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
)

const (
	hashMessages = iota
	merkleRoot
	verifyDigests
	verifyMessages
	signDigests
	signMessages
	generateKeys
)

type job struct {
	operation                           byte
	count                               int
	keys, signatures, contents, secrets []byte
}

// prepared is a job whose arguments are laid out: run does its items once, answer lays out what came of it.
type prepared struct {
	run    func()
	answer func() []byte
}

func main() {
	runtime.GOMAXPROCS(1)
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	fmt.Fprintf(out, "%s %s\n", version(), runtime.Version())
	check(out.Flush())
	work := prepare(readJob(in))
	for {
		_, err := in.ReadByte()
		if err == io.EOF {
			return
		}
		check(err)
		cpu, wall := timed(work.run)
		write(out, uint64(cpu), uint64(wall))
		answer := work.answer()
		write(out, uint64(len(answer)), answer)
		check(out.Flush())
	}
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/emmansun/gmsm" {
			return module.Version
		}
	}
	return "unknown"
}

func timed(run func()) (cpu, wall time.Duration) {
	started, before := time.Now(), cpuTime()
	run()
	return cpuTime() - before, time.Since(started)
}

// cpuTime counts all threads: the garbage collector's work is part of what a caller pays.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func readJob(in io.Reader) job {
	var j job
	var count uint32
	read(in, &j.operation, &count)
	j.count = int(count)
	for _, field := range []*[]byte{&j.keys, &j.signatures, &j.contents, &j.secrets} {
		var length uint64
		read(in, &length)
		*field = make([]byte, length)
		_, err := io.ReadFull(in, *field)
		check(err)
	}
	return j
}

func prepare(j job) prepared {
	switch j.operation {
	case hashMessages:
		return j.hash()
	case merkleRoot:
		return j.merkle()
	case verifyDigests:
		return j.verify(sm2.VerifyASN1)
	case verifyMessages:
		return j.verify(func(key *ecdsa.PublicKey, message, signature []byte) bool {
			return sm2.VerifyASN1WithSM2(key, nil, message, signature)
		})
	case signDigests:
		return j.sign(func(key *sm2.PrivateKey, digest []byte) ([]byte, error) {
			return sm2.SignASN1(rand.Reader, key, digest, nil)
		})
	case signMessages:
		return j.sign(func(key *sm2.PrivateKey, message []byte) ([]byte, error) {
			return key.SignWithSM2(rand.Reader, nil, message)
		})
	case generateKeys:
		return j.generate()
	}
	panic(fmt.Sprintf("operation %d: unknown", j.operation))
}

// split cuts an array of count items of one length.
func (j job) split(array []byte) [][]byte {
	items, length := make([][]byte, j.count), len(array)/j.count
	for i := range items {
		items[i] = array[i*length : (i+1)*length]
	}
	return items
}

func (j job) hash() prepared {
	messages, digests := j.split(j.contents), make([]byte, sm3.Size*j.count)
	return prepared{
		func() {
			for i, message := range messages {
				digest := sm3.Sum(message)
				copy(digests[sm3.Size*i:], digest[:])
			}
		},
		func() []byte { return digests },
	}
}

// merkle computes the root of RFC 9162, section 2.1.1, level by level.
func (j job) merkle() prepared {
	messages, level := j.split(j.contents), make([][sm3.Size]byte, j.count)
	leaf := make([]byte, 1+len(messages[0]))
	run := func() {
		for i, message := range messages {
			copy(leaf[1:], message)
			level[i] = sm3.Sum(leaf)
		}
		node := [1 + 2*sm3.Size]byte{1}
		for width := j.count; width > 1; width = (width + 1) / 2 {
			for i := 0; i < width/2; i++ {
				copy(node[1:], level[2*i][:])
				copy(node[1+sm3.Size:], level[2*i+1][:])
				level[i] = sm3.Sum(node[:])
			}
			if width%2 == 1 {
				level[width/2] = level[width-1]
			}
		}
	}
	return prepared{run, func() []byte { return level[0][:] }}
}

func (j job) verify(call func(key *ecdsa.PublicKey, content, signature []byte) bool) prepared {
	keys, signatures, contents := make([]*ecdsa.PublicKey, j.count), make([][]byte, j.count), j.split(j.contents)
	for i, raw := range j.split(j.keys) {
		key, err := sm2.NewPublicKey(append([]byte{4}, raw...))
		check(err)
		keys[i] = key
	}
	for i, raw := range j.split(j.signatures) {
		signatures[i] = derFromRaw(raw)
	}
	verdicts := make([]byte, j.count)
	run := func() {
		for i, key := range keys {
			verdicts[i] = 0
			if call(key, contents[i], signatures[i]) {
				verdicts[i] = 1
			}
		}
	}
	return prepared{run, func() []byte { return verdicts }}
}

func (j job) sign(call func(key *sm2.PrivateKey, content []byte) ([]byte, error)) prepared {
	keys, signatures, contents := make([]*sm2.PrivateKey, j.count), make([][]byte, j.count), j.split(j.contents)
	for i, secret := range j.split(j.secrets) {
		key, err := sm2.NewPrivateKey(secret)
		check(err)
		keys[i] = key
	}
	run := func() {
		for i, key := range keys {
			signature, err := call(key, contents[i])
			check(err)
			signatures[i] = signature
		}
	}
	return prepared{run, func() []byte {
		answer := make([]byte, 0, 64*j.count)
		for _, signature := range signatures {
			answer = append(answer, rawFromDER(signature)...)
		}
		return answer
	}}
}

// generate answers with the secret and x ‖ y of each key.
func (j job) generate() prepared {
	keys := make([]*sm2.PrivateKey, j.count)
	run := func() {
		for i := range keys {
			key, err := sm2.GenerateKey(rand.Reader)
			check(err)
			keys[i] = key
		}
	}
	return prepared{run, func() []byte {
		answer := make([]byte, 96*j.count)
		for i, key := range keys {
			key.D.FillBytes(answer[96*i : 96*i+32])
			key.X.FillBytes(answer[96*i+32 : 96*i+64])
			key.Y.FillBytes(answer[96*i+64 : 96*i+96])
		}
		return answer
	}}
}

type signature struct{ R, S *big.Int }

func derFromRaw(raw []byte) []byte {
	der, err := asn1.Marshal(signature{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
	check(err)
	return der
}

func rawFromDER(der []byte) []byte {
	var parsed signature
	_, err := asn1.Unmarshal(der, &parsed)
	check(err)
	raw := make([]byte, 64)
	parsed.R.FillBytes(raw[:32])
	parsed.S.FillBytes(raw[32:])
	return raw
}

func read(in io.Reader, values ...any) {
	for _, value := range values {
		check(binary.Read(in, binary.LittleEndian, value))
	}
}

func write(out io.Writer, values ...any) {
	for _, value := range values {
		check(binary.Write(out, binary.LittleEndian, value))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
