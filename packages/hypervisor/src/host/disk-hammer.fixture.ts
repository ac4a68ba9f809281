import type { GuestImage } from '../abi/guest.js';
import { GuestDisk } from '../guest/disk.js';
import { GuestKernel, type TaskRoutine } from '../guest/kernel.js';

/** A guest that does nothing but write and read its first disk, 64 sectors at a time. */
export const diskHammer: GuestImage = {
  name: 'disk-hammer',
  boot(info) {
    const kernel = new GuestKernel(info);
    const front = info.disks[0];
    if (front !== undefined) kernel.spawn(hammer(new GuestDisk(kernel, front)));
    return kernel.asGuest();
  },
};

function* hammer(disk: GuestDisk): TaskRoutine {
  for (let i = 0; ; i += 1) {
    yield* disk.write(0, 64, (bytes) => new Uint8Array(bytes).fill(i & 0xff));
    yield* disk.read(0, 64);
  }
}
