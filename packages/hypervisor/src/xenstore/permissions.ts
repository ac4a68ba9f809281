/** What a domain may do with a node: nothing, read, write, or both. */
export type Access = 'n' | 'r' | 'w' | 'b';

export interface Permission {
  domId: number;
  access: Access;
}

/** Domain 0, the toolstack. */
export const PRIVILEGED_DOMAIN = 0;

const DOMAIN_ID_MAX = 0x7fff;
const PERMISSION = /^([nrwb])(0|[1-9][0-9]{0,4})$/;

/** `n0`, `r12`: null when it is no permission. */
export function parsePermission(text: string): Permission | null {
  const match = PERMISSION.exec(text);
  if (match === null) return null;
  const domId = Number(match[2]);
  return domId > DOMAIN_ID_MAX ? null : { domId, access: match[1] as Access };
}

export function formatPermission({ domId, access }: Permission): string {
  return `${access}${domId}`;
}

export function grants(access: Access, wanted: 'read' | 'write'): boolean {
  return access === 'b' || access === (wanted === 'read' ? 'r' : 'w');
}
