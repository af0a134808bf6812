// System calls that the Glibc module does not show.
#pragma once
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

// glibc declares accept4 only with _GNU_SOURCE, which must not be defined here, and then with other
// parameter types; so it gets a name of our own.
extern int linux_accept4(int descriptor, void *address, unsigned int *length, int flags)
  __asm__("accept4");
