#include "textflag.h"

// MUL moves x ahead by what Z10 says: the product's halves are in t and in x.
#define MUL(x, t) \
	VPCLMULQDQ $0x00, Z10, x, t \
	VPCLMULQDQ $0x11, Z10, x, x

// FOLD moves x ahead and adds the 64 bytes there.
#define FOLD(x, t, at) \
	MUL(x, t) \
	VPTERNLOGD $0x96, at(SI), t, x

// AHEAD adds x to the register behind it.
#define AHEAD(x, next) \
	MUL(x, Z5) \
	VPTERNLOGD $0x96, Z5, x, next

// func fold(state uint32, p []byte, k *[5][2]uint64) uint32
TEXT ·fold(SB), NOSPLIT, $0-44
	MOVL state+0(FP), AX
	MOVQ p_base+8(FP), SI
	MOVQ p_len+16(FP), CX
	MOVQ k+32(FP), DX

	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VMOVDQU64 128(SI), Z2
	VMOVDQU64 192(SI), Z3
	VMOVD AX, X4
	VPXORQ Z4, Z0, Z0
	ADDQ $256, SI
	SUBQ $256, CX

	VBROADCASTI32X4 (DX), Z10   // fold by 2048 bits
	CMPQ CX, $256
	JB   reduce

loop:
	FOLD(Z0, Z5, 0)
	FOLD(Z1, Z6, 64)
	FOLD(Z2, Z7, 128)
	FOLD(Z3, Z8, 192)
	ADDQ $256, SI
	SUBQ $256, CX
	CMPQ CX, $256
	JAE  loop

reduce:
	// four registers into one: each is 512 bits ahead of the next
	VBROADCASTI32X4 16(DX), Z10
	AHEAD(Z0, Z1)
	AHEAD(Z1, Z2)
	AHEAD(Z2, Z3)

	// four lanes into one: 384, 256 and 128 bits ahead of the last
	VMOVDQU      32(DX), Y10
	VINSERTI32X4 $2, 64(DX), Z10, Z10
	VPCLMULQDQ $0x00, Z10, Z3, Z5
	VPCLMULQDQ $0x11, Z10, Z3, Z6
	VPXORQ Z5, Z6, Z5       // lane 3 means nothing: it is not moved
	VEXTRACTI32X4 $1, Z5, X6
	VEXTRACTI32X4 $2, Z5, X7
	VEXTRACTI32X4 $3, Z3, X8
	VPXOR X6, X5, X5
	VPXOR X7, X5, X5
	VPXOR X8, X5, X5

	// the CRC of the 16 bytes that are left
	XORL AX, AX
	VMOVQ X5, R8
	CRC32Q R8, AX
	VPEXTRQ $1, X5, R8
	CRC32Q R8, AX
	VZEROUPPER
	MOVL AX, ret+40(FP)
	RET
