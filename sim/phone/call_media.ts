import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { CallwireError } from '../../src/errors.ts';
import { Heard } from './heard.ts';
import { readRtp } from './rtp.ts';
import { RtpSender } from './rtp_sender.ts';
import { type RemoteMedia, readSdp, writeSdp } from './sdp.ts';
import { writeWav } from './wav.ts';

const PORT_ATTEMPTS = 20;

/** RTP wants an even port (RFC 3550 11); the system hands out any. */
async function bindEvenPort(host: string): Promise<Socket> {
  for (let i = 0; i < PORT_ATTEMPTS; i++) {
    const socket = createSocket('udp4');
    socket.bind(0, host);
    await once(socket, 'listening');
    if (socket.address().port % 2 === 0) return socket;
    socket.close();
  }
  throw new CallwireError('PHONE_NO_RTP_PORT', 'no free even UDP port for RTP', {
    retryable: true,
  });
}

/** The audio of one call: its socket, what we say, what we hear. */
export class CallMedia {
  readonly heard: Heard;
  readonly sender: RtpSender;
  /** Told when they are heard for the first time. */
  onFirstAudio: (at: number) => void = () => {};
  readonly #sessionId = randomInt(2 ** 31);
  readonly #socket: Socket;
  #remote: RemoteMedia | undefined;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.heard = new Heard((at) => this.onFirstAudio(at));
    this.sender = new RtpSender((packet) => this.#send(packet));
    socket.on('message', (bytes, from) => {
      const arrival = performance.now();
      const packet = readRtp(bytes);
      // Before their SDP nobody is known: early media may only come from the host we called.
      if (!packet || (this.#remote && this.#remote.endpoint.host !== from.address)) return;
      this.heard.receive(packet, this.sender.keysPayloadType, arrival);
    });
    socket.on('error', () => {}); // their port may be closed before ours: RTP simply goes on
  }

  static async open(host: string): Promise<CallMedia> {
    return new CallMedia(await bindEvenPort(host));
  }

  /** Our SDP, for the offer and for every answer. */
  get localSdp(): string {
    const { address: host, port } = this.#socket.address();
    const { keysPayloadType } = this.sender;
    return writeSdp({ host, port, id: this.#sessionId, keysPayloadType });
  }

  /** Follows their SDP, the first or a later one. Throws PHONE_NO_COMMON_MEDIA. */
  connect(sdp: string): void {
    this.#remote = readSdp(sdp);
    this.sender.keysPayloadType = this.#remote.keysPayloadType;
  }

  /** Both sides so far on one clock as stereo WAV: left what we said, right what we heard. */
  recording(): Buffer {
    const { said } = this.sender;
    const { track } = this.heard;
    const starts = [said.startedAt, track.startedAt].filter((at) => at !== undefined);
    const origin = Math.min(...starts);
    return writeWav(said.alignedTo(origin), track.alignedTo(origin));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.sender.stop();
    this.#socket.close();
  }

  #send(packet: Buffer): void {
    if (!this.#remote || this.#closed) return;
    const { host, port } = this.#remote.endpoint;
    this.#socket.send(packet, port, host, () => {});
  }
}
