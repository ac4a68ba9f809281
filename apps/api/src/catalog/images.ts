/** Guests a domain may be created with; the host knows them by the same names. */
export const IMAGES = [
  {
    name: 'web',
    description: 'HTTP server: a page, /burn for CPU, /disk for block requests, /bytes for traffic, /stats.',
    ports: [80],
  },
] as const;

export type ImageName = (typeof IMAGES)[number]['name'];

export function imageOf(name: string) {
  return IMAGES.find((image) => image.name === name);
}
