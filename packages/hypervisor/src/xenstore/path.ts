import { XS_ABSOLUTE_PATH_MAX, XS_RELATIVE_PATH_MAX } from '../abi/xs-wire.js';

/** The special names that may be watched and given permissions, beside the tree. */
export const SPECIAL_NODES = ['@introduceDomain', '@releaseDomain'] as const;
export type SpecialNode = (typeof SPECIAL_NODES)[number];

const ALLOWED = /^[A-Za-z0-9\-/_@]+$/;
const HOME = /^\/local\/domain\/[0-9]{1,5}\//;

export function homeOf(domId: number): string {
  return `/local/domain/${domId}`;
}

/**
 * The absolute form of a path as a domain wrote it; null when it is none (xenstored's is_valid_nodename): characters
 * other than letters, digits and - / _ @, an empty part, a final /, more than 3072 characters, or more than 2048
 * after a domain's home.
 */
export function absolutePath(domId: number, path: string): string | null {
  if (path.length > XS_ABSOLUTE_PATH_MAX) return null;
  const absolute = path.startsWith('/') ? path : `${homeOf(domId)}/${path}`;
  if (absolute.length > XS_ABSOLUTE_PATH_MAX || !ALLOWED.test(absolute)) return null;
  if (absolute === '/') return absolute;
  if (absolute.endsWith('/') || absolute.includes('//')) return null;
  const home = HOME.exec(absolute);
  if (home !== null && absolute.length - home[0].length > XS_RELATIVE_PATH_MAX) return null;
  return absolute;
}

export function isSpecial(path: string): path is SpecialNode {
  return (SPECIAL_NODES as readonly string[]).includes(path);
}

/** The path above; null above the root and above special names. */
export function parentOf(path: string): string | null {
  if (path === '/' || !path.startsWith('/')) return null;
  const cut = path.lastIndexOf('/');
  return cut === 0 ? '/' : path.slice(0, cut);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function childOf(path: string, name: string): string {
  return path === '/' ? `/${name}` : `${path}/${name}`;
}
