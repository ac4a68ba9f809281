/**
 * One process, and in it one thread, uses a folder at a time.
 *
 * Design. Who wants the folder listens on a Unix socket of its own in it, `lock-<pid>-<random>.sock`, and only then
 * looks for the sockets of others: one that takes a connection has a living owner, and we go away again; one that
 * refuses is what a killed owner left behind, and is removed. The kernel ends a listener with its process or thread, so
 * nothing has to be guessed from process ids or ages, and a process that is stopped or busy still holds its folder.
 *
 * Invariants. Of two owners the one that looked later has seen the other, so there are never two. Two that come at the
 * same instant may both go away. It holds on one machine; a folder shared by two machines is not protected.
 *
 * Errors. EBUSY naming the process, as an Error with `code`; whatever the file system answers to a socket.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join, relative } from 'node:path';

const LOCK_NAME = /^lock-(\d+)-[0-9a-f]{16}\.sock$/;
/** The shortest `sun_path` of the systems we run on, its closing zero included. */
const SOCKET_PATH_BYTES_MAX = 104;

export class FolderLock {
  private constructor(
    private readonly path: string,
    private readonly server: Server,
    private readonly place: SocketPlace,
  ) {}

  /** Takes the folder, which must exist. Rejects with EBUSY when somebody alive has it. */
  static async take(folder: string): Promise<FolderLock> {
    const name = `lock-${process.pid}-${randomBytes(8).toString('hex')}.sock`;
    const place = new SocketPlace(folder);
    try {
      const server = await listen(place.pathOf(name));
      const lock = new FolderLock(join(folder, name), server, place);
      try {
        await lock.goBeforeOthers(folder, name);
      } catch (error) {
        await lock.release();
        throw error;
      }
      return lock;
    } catch (error) {
      place.close();
      throw error;
    }
  }

  async release(): Promise<void> {
    await new Promise<void>((done) => this.server.close(() => done()));
    rmSync(this.path, { force: true });
    this.place.close();
  }

  private async goBeforeOthers(folder: string, ownName: string): Promise<void> {
    const names = readdirSync(folder);
    if (!names.includes(ownName)) throw inUse(folder, 'somebody who came at the same instant');
    for (const name of names) {
      const owner = LOCK_NAME.exec(name)?.[1];
      if (owner === undefined || name === ownName) continue;
      if (await isAlive(this.place.pathOf(name))) {
        throw inUse(folder, Number(owner) === process.pid ? 'this process' : `process ${owner}`);
      }
      rmSync(join(folder, name), { force: true });
    }
  }
}

/** Paths of sockets in a folder that the kernel takes, however deep the folder lies. */
class SocketPlace {
  private fd: number | null = null;

  constructor(private readonly folder: string) {}

  pathOf(name: string): string {
    const plain = [join(this.folder, name), join(relative(process.cwd(), this.folder), name)];
    const fitting = plain.find((path) => Buffer.byteLength(path) < SOCKET_PATH_BYTES_MAX);
    if (fitting !== undefined) return fitting;
    if (process.platform !== 'linux') {
      throw Object.assign(new Error(`the path ${this.folder} is too long for a socket in it`), {
        code: 'ENAMETOOLONG',
      });
    }
    this.fd ??= openSync(this.folder, constants.O_RDONLY | constants.O_DIRECTORY);
    return `/proc/self/fd/${this.fd}/${name}`;
  }

  close(): void {
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
  }
}

function inUse(folder: string, owner: string): Error {
  return Object.assign(new Error(`${folder} is in use by ${owner}`), { code: 'EBUSY' });
}

function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(path, () => {
      server.removeListener('error', failed);
      server.on('error', () => undefined);
      server.unref();
      done(server);
    });
  });
}

/** False only when the kernel says that nobody listens there. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    const answer = (alive: boolean): void => {
      socket.destroy();
      done(alive);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      answer(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}
