import { toE164 } from '../config/phone_number.ts';
import { invalidField } from './api_error.ts';

/** The E.164 form of a number that a request has in this field; one that cannot be a number is refused. */
export function e164(field: string, phone: string): string {
  const number = toE164(phone);
  if (number !== null) return number;
  throw invalidField(field, 'must be a phone number with its country code: +15550100000');
}
