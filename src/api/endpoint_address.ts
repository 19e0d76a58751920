import { checkUrl, guardedReach } from '../delivery/reach.ts';

/**
 * What can be said of an endpoint's URL before anything is sent to it, so that whoever makes it
 * hears it at once. Where a name leads is judged at each delivery, on the address really dialled;
 * only `localhost` is known to lead inside.
 *
 * The returned check throws `DELIVERY_ADDRESS_REFUSED` and `DELIVERY_PLAIN_HTTP_REFUSED`.
 */
export function endpointUrlCheck(allowNetworks: readonly string[]): (url: URL) => void {
  const reach = guardedReach(allowNetworks);
  return (url) => {
    const isLocal = /(^|\.)localhost\.?$/.test(url.hostname);
    checkUrl(isLocal ? new URL(`${url.protocol}//127.0.0.1`) : url, reach);
  };
}
