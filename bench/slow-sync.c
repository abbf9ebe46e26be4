/* Preloaded into a server, makes every sync of a file take longer: a disk without a cache that answers at once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

typedef int (*sync_function)(int);

static void wait_longer(void) {
  const char *text = getenv("BENCH_SYNC_DELAY_MS");
  long ms = text == NULL ? 0 : atol(text);
  struct timespec delay = {ms / 1000, (ms % 1000) * 1000000};
  nanosleep(&delay, NULL);
}

int fsync(int file) {
  sync_function real = (sync_function)dlsym(RTLD_NEXT, "fsync");
  wait_longer();
  return real(file);
}

int fdatasync(int file) {
  sync_function real = (sync_function)dlsym(RTLD_NEXT, "fdatasync");
  wait_longer();
  return real(file);
}
