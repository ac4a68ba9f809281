import type { GuestImage } from '../abi/guest.js';
import { balloon } from './balloon.js';
import { web } from './web.js';
import { busy, bursty, greedy, hostile, idle, tickDodger } from './workloads.js';

/** The guest systems that ship with the hypervisor, by name. */
export const IMAGES = {
  web,
  idle,
  busy,
  bursty,
  greedy,
  balloon,
  hostile,
  'tick-dodger': tickDodger,
} as const satisfies Record<string, GuestImage>;

export type ImageName = keyof typeof IMAGES;
