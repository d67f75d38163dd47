import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * A car's way to one server: a port on this machine that leads there while the car has coverage. Without coverage
 * its connections break and new ones are refused, whatever runs over them.
 */
export class Modem {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #covered = true;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((inner) => {
      if (!this.#covered) {
        inner.destroy();
        return;
      }
      const outer = connect(target.port, target.host);
      this.#join(inner, outer);
    });
  }

  /** Listens on a free port of the loopback interface. */
  static async open(target: { readonly host: string; readonly port: number }): Promise<Modem> {
    const modem = new Modem(target);
    modem.#server.listen(0, '127.0.0.1');
    await once(modem.#server, 'listening');
    return modem;
  }

  get address(): string {
    // A TCP server that listens has such an address.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const { port } = this.#server.address() as AddressInfo;
    return `127.0.0.1:${port}`;
  }

  setCoverage(covered: boolean): void {
    this.#covered = covered;
    if (!covered) this.#breakConnections();
  }

  async close(): Promise<void> {
    this.#breakConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(inner: Socket, outer: Socket): void {
    for (const [socket, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.#sockets.add(socket);
      // The close event that follows an error says enough.
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }

  #breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
