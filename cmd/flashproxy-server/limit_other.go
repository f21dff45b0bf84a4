//go:build !unix

package main

func maxOpenFiles() uint64 { return usualOpenFiles }
