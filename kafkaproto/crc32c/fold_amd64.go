package crc32c

import (
	"hash/crc32"
	"math/bits"

	"golang.org/x/sys/cpu"
)

// foldMin is the shortest input for which folding is worth its end.
const foldMin = 1024

// foldBlock is what fold takes at a time, bytes.
const foldBlock = 256

// folds says whether this processor has what fold is made of.
var folds = cpu.X86.HasAVX512F && cpu.X86.HasAVX512VPCLMULQDQ && cpu.X86.HasSSE42 && cpu.X86.HasPCLMULQDQ

// Update is the checksum of what crc was the checksum of, followed by p (borrowed).
func Update(crc uint32, p []byte) uint32 {
	if folds && len(p) >= foldMin {
		n := len(p) &^ (foldBlock - 1)
		crc = ^fold(^crc, p[:n], &multipliers)
		p = p[n:]
	}
	return crc32.Update(crc, table, p)
}

// fold goes on with state, the register of the CRC as it is between bytes, over p,
// which is borrowed and whose length is a multiple of foldBlock and not 0.
//
//go:noescape
func fold(state uint32, p []byte, k *[5][2]uint64) uint32

// multipliers move 128 bits of the message ahead by 2048, 512, 384, 256 and 128
// bits: the low 64 of them by the first of a pair, the high ones by the second.
// After Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
// Instruction", Intel 2009, in the bit-reflected form.
var multipliers = [5][2]uint64{ahead(2048), ahead(512), ahead(384), ahead(256), ahead(128)}

func ahead(n int) [2]uint64 { return [2]uint64{power(n + 32), power(n - 32)} }

// power is x^n modulo the polynomial, bit-reflected, as PCLMULQDQ wants it.
func power(n int) uint64 {
	const polynomial = 0x1EDC6F41
	r := uint32(1)
	for range n {
		carry := r >> 31
		r <<= 1
		if carry == 1 {
			r ^= polynomial
		}
	}
	return uint64(bits.Reverse32(r)) << 1
}
