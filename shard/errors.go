package shard

import "errors"

var (
	// ErrMailboxFull: the shard's mailbox is at its bound (Config.MailboxDepth).
	// The caller keeps its message and slows its own source down.
	ErrMailboxFull = errors.New("shard mailbox is full")
	// ErrStopped: the shard or the group is stopping or has stopped.
	ErrStopped = errors.New("shard has stopped")
	// ErrDialsFull: Config.DialsMax dials of this shard are in progress.
	ErrDialsFull = errors.New("shard has too many dials in progress")
	// ErrOffloadFull: Config.OffloadDepth jobs of this shard are outstanding.
	ErrOffloadFull = errors.New("shard has too much offloaded work outstanding")
	// ErrIdle closes a client connection without traffic for Config.IdleTimeout.
	ErrIdle = errors.New("connection was idle for too long")
	// ErrWriteStalled closes a connection whose peer took none of the queued
	// bytes for Config.WriteStall.
	ErrWriteStalled = errors.New("peer took no bytes for too long")
	// ErrWriteQueueFull closes a connection with more than
	// Config.WriteQueueBytes queued.
	ErrWriteQueueFull = errors.New("connection's write queue is over its bound")
	// ErrPausedOverBudget closes a paused connection whose peer keeps sending,
	// where reading cannot be paused in the kernel (see SelfTest).
	ErrPausedOverBudget = errors.New("peer kept sending to a paused connection")
	// ErrPartitionExists: Open of a partition that is already open.
	ErrPartitionExists = errors.New("partition is already open")
	// ErrPartitionUnknown: no partition of that id is open here.
	ErrPartitionUnknown = errors.New("partition is not open")
)
