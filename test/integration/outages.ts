import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from '../support/temp-folder.ts'

/** A disk that can be made to take no more. */
export interface Outage {
  /** Where the database has to lie. */
  readonly folder: string
  /** What the server's environment needs. */
  readonly env: Readonly<Record<string, string>>
  begin(): void
  end(): void
  remove(): void
}

/** Why an outage cannot be made on this machine. */
export interface Impossible {
  readonly reason: string
}

export interface SmallDisk extends Outage {
  /** @throws Error while something on it is open for writing */
  setReadOnly(readOnly: boolean): void
}

const FILLER_CHUNK = Buffer.alloc(4096, 1)

/** A file system of its own in memory that a filler file makes full. */
export function smallDisk(megabytes: number): SmallDisk | Impossible {
  const { path, remove } = tempFolder()
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { encoding: 'utf8' })
  if (mounted.status !== 0) {
    remove()
    return { reason: `a small disk cannot be mounted here: ${mounted.stderr?.trim() || 'there is no mount command'}` }
  }
  const filler = join(path, 'filler')
  return {
    folder: path,
    env: {},
    begin: () => fill(filler),
    end: () => rmSync(filler),
    setReadOnly(readOnly) {
      const { status, stderr } = spawnSync('mount', ['-o', `remount,${readOnly ? 'ro' : 'rw'}`, path])
      if (status !== 0) throw new Error(`not remounted: ${stderr}`)
    },
    remove() {
      spawnSync('umount', [path])
      remove()
    },
  }
}

function fill(file: string): void {
  try {
    for (;;) writeFileSync(file, FILLER_CHUNK, { flag: 'a' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  }
}

/** Refuses writes below a folder while a flag file exists, as a file system that has turned read-only does. */
const REFUSING_WRITES = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int refused(int fd) {
  const char *folder = getenv("REFUSED_FOLDER"), *flag = getenv("REFUSED_FLAG");
  char link[64], path[4096];
  int kept = errno, verdict = 0;
  if (folder && flag && access(flag, F_OK) == 0) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
      path[length] = 0;
      verdict = strncmp(path, folder, strlen(folder)) == 0;
    }
  }
  errno = verdict ? EROFS : kept;
  return verdict;
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))
ssize_t write(int fd, const void *bytes, size_t count) {
  return refused(fd) ? -1 : REAL("write", ssize_t (*)(int, const void *, size_t))(fd, bytes, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  return refused(fd) ? -1 : REAL("pwrite", ssize_t (*)(int, const void *, size_t, off_t))(fd, bytes, count, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  return refused(fd) ? -1 : REAL("pwrite64", ssize_t (*)(int, const void *, size_t, off64_t))(fd, bytes, count, at);
}
int ftruncate(int fd, off_t size) {
  return refused(fd) ? -1 : REAL("ftruncate", int (*)(int, off_t))(fd, size);
}
int ftruncate64(int fd, off64_t size) {
  return refused(fd) ? -1 : REAL("ftruncate64", int (*)(int, off64_t))(fd, size);
}
`

/** A folder in which the server's writes fail from one moment on, and work again from another. */
export function refusedWrites(): Outage | Impossible {
  const { path, remove } = tempFolder()
  const [source, library] = [join(path, 'refuse.c'), join(path, 'refuse.so')]
  const data = tempFolder()
  writeFileSync(source, REFUSING_WRITES)
  const compiled = spawnSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl'], { encoding: 'utf8' })
  const removeAll = () => {
    data.remove()
    remove()
  }
  if (compiled.status !== 0 || process.platform !== 'linux') {
    removeAll()
    return { reason: `the library that refuses writes cannot be built here: ${compiled.stderr ?? 'there is no cc'}` }
  }
  const flag = join(path, 'refused')
  return {
    folder: data.path,
    env: { LD_PRELOAD: library, REFUSED_FOLDER: data.path, REFUSED_FLAG: flag },
    begin: () => writeFileSync(flag, ''),
    end: () => rmSync(flag),
    remove: removeAll,
  }
}
