/** Xen's error numbers (public/errno.h). Calls answer 0 or more on success, a negative number of this list otherwise. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EIO: 5,
  E2BIG: 7,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  ERANGE: 34,
  ENOSYS: 38,
  ETIME: 62,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ENOBUFS: 105,
  ENOTCONN: 107,
} as const;

export type ErrnoName = keyof typeof ERRNO;

/** The answer of a toolstack call: the value, or a Xen error name with the field, limit and value that caused it. */
export type Answer<T> = { ok: true; value: T } | { ok: false; errno: ErrnoName; detail: string };

export function answer<T>(value: T): Answer<T> {
  return { ok: true, value };
}

export function refuse(errno: ErrnoName, detail: string): { ok: false; errno: ErrnoName; detail: string } {
  return { ok: false, errno, detail };
}
