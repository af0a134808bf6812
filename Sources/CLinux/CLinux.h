// System calls that the Glibc module does not show.
#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
