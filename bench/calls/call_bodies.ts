import type { RequestBodies } from '../api_sender.ts';

const A_DAY_MS = 86_400_000;

/** Some of those in use. */
const AREA_CODES = (
  '201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 225 228 229 231 239 240 248 251 ' +
  '252 253 254 256 260 262 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318'
).split(' ');
/** In each, for fiction: 555-0100 to 555-0199. */
const FICTITIOUS = 100;

let placed = 0;

/** A number as people have them, and nobody's. The range is gone through once in 5,000 calls. */
function nextNumber(): string {
  const n = placed++;
  const area = AREA_CODES[n % AREA_CODES.length];
  const line = 100 + (Math.floor(n / AREA_CODES.length) % FICTITIOUS);
  return `+1${area}5550${line}`;
}

/** Each call has a number and an idempotency key of its own; it is due tomorrow, so nothing is dialled. */
export const requestBody: RequestBodies['requestBody'] = (run, n) => ({
  agentId: 'receptionist',
  phoneNumber: nextNumber(),
  metadata: { lead: placed },
  knownConsent: true,
  idempotencyKey: `lead-${run}-${n}`,
  scheduledFor: new Date(Date.now() + A_DAY_MS).toISOString(),
});
