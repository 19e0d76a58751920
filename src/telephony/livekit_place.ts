/** Where LiveKit runs: its Cloud, the local stack of `npm run stack`, or a server of one's own. */
export type LiveKitPlace = 'cloud' | 'local' | 'own';

export function livekitPlace(livekitUrl: string, localLivekitPort: number): LiveKitPlace {
  const { hostname, port } = new URL(livekitUrl);
  if (hostname.endsWith('.livekit.cloud')) return 'cloud';
  const loopback = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
  return loopback && Number(port) === localLivekitPort ? 'local' : 'own';
}
