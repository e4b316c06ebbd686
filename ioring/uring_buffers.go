package ioring

import (
	"fmt"
	"unsafe"
)

// registerTable gives the kernel an empty table of buffers.
func (u *uring) registerTable() error {
	reg := rsrcRegister{nr: bufferSlots, flags: rsrcSparse}
	return sysRegister(u.fd, registerBuffers2, unsafe.Pointer(&reg), unsafe.Sizeof(reg))
}

// register pins mem's pages for good. Memory the kernel refuses, for want of
// memlock or because its table is full, is used unregistered.
func (u *uring) register(mem []byte, index int) error {
	if !u.fixed || index < 0 || index >= bufferSlots {
		return nil
	}
	if err := u.updateTable(mem, index); err != nil {
		return fmt.Errorf("register extent %d of %d bytes with io_uring: %w; raise the memlock limit, or go on without", index, len(mem), err)
	}
	u.table[index] = true
	return nil
}

func (u *uring) unregister(index int) error {
	if index < 0 || index >= bufferSlots || !u.table[index] {
		return nil
	}
	u.table[index] = false
	if err := u.updateTable(nil, index); err != nil {
		return fmt.Errorf("unregister extent %d from io_uring: %w", index, err)
	}
	return nil
}

func (u *uring) updateTable(mem []byte, index int) error {
	up := rsrcUpdate{offset: uint32(index), data: u.page.vector(mem), nr: 1}
	return sysRegister(u.fd, registerBuffersUpdate, unsafe.Pointer(&up), unsafe.Sizeof(up))
}
