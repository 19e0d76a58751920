import { setting } from '../setting.ts';
import * as read from '../setting_schemas.ts';

/** The trunks. */
export const SIP_SETTINGS = {
  SIP_NUMBERS: setting({
    group: 'SIP trunk',
    meaning:
      'The phone numbers that the inbound trunk takes calls for, with commas between them. A caller of theirs whom no agent takes is refused and recorded here.',
    schema: read.phoneNumbers,
    default: '',
    example: '+15550100000,+15550100001',
  }),
  SIP_ALLOWED_ADDRESSES: setting({
    group: 'SIP trunk',
    meaning:
      'The IP addresses or networks of your carrier, with commas; calls from others are refused.',
    schema: read.addresses,
    default: '',
    example: '203.0.113.10,198.51.100.0/24',
  }),
  SIP_USERNAME: setting({
    group: 'SIP trunk',
    meaning: 'The login that the carrier must use, with `SIP_PASSWORD`.',
    schema: read.text,
    example: 'carrier',
  }),
  SIP_PASSWORD: setting({
    group: 'SIP trunk',
    meaning: 'The password that belongs to `SIP_USERNAME`.',
    schema: read.text,
    example: 'a long random password',
    secret: true,
  }),
  SIP_OUTBOUND_ADDRESS: setting({
    group: 'SIP trunk',
    meaning:
      'Where outbound calls go: the host of your carrier’s trunk, with `:port` and `;transport=udp`, `tcp` or `tls` where they are needed. Without it there is no outbound trunk.',
    schema: read.sipAddress,
    example: 'sip.example.com;transport=tcp',
  }),
  SIP_OUTBOUND_USERNAME: setting({
    group: 'SIP trunk',
    meaning:
      'The login at that trunk, with `SIP_OUTBOUND_PASSWORD`. Not needed where the carrier knows you by your address.',
    schema: read.text,
    example: 'my-trunk',
  }),
  SIP_OUTBOUND_PASSWORD: setting({
    group: 'SIP trunk',
    meaning: 'The password that belongs to `SIP_OUTBOUND_USERNAME`.',
    schema: read.text,
    example: 'the trunk’s password',
    secret: true,
  }),
  SIP_CALLER_NUMBER: setting({
    group: 'SIP trunk',
    meaning: 'The number that outbound calls come from; most carriers take only numbers of yours.',
    schema: read.phoneNumber,
    defaultMeaning: 'the first of `SIP_NUMBERS`',
    example: '+15550100000',
  }),
};
