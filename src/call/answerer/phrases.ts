import { DIGITS, LANGUAGES, type Phrases } from './phrase_tables.ts';

/**
 * What words alone tell of who said them. `person`: they ask or offer what only a person does, for a
 * hello is a machine's as well. `hold`: they ask to wait, and somebody else comes.
 */
export type Speaker = 'person' | 'machine' | 'ivr' | 'screening' | 'hold';

/**
 * Who talks like this: the first judge of who has answered, in no time and without a network. `null`
 * where the words say nothing of it. It rather takes a machine for a person than the other way round:
 * a machine that is talked to costs seconds, a person who is hung up on is lost.
 *
 * @param text What has been said so far, as it was transcribed, in any of the tables' languages.
 */
export function speakerOf(text: string): Speaker | null {
  const words = fold(text);
  if (words === '') return null;
  const keys = words.match(RULES.keys)?.length ?? 0;
  if (keys === 0 && RULES.personal.test(words) && !TONE.test(words)) return 'person';
  const machine = RULES.machine.test(words);
  // "Leave your name and why you are calling, and a message" asks for a message all the same.
  if (RULES.screening.test(words) && !(machine && MESSAGE.test(words))) return 'screening';
  if (keys > 0 && (!machine || keys > 1)) return 'ivr';
  if (machine) return 'machine';
  return RULES.hold.test(words) ? 'hold' : null;
}

/** Whether this is no more than picking up: nothing in it wants an answer besides the greeting. */
export function isMereGreeting(text: string): boolean {
  return MERE_GREETING.test(fold(text));
}

/** Small letters without accents and apostrophes, words one space apart. */
export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .replaceAll('ł', 'l')
    .replaceAll(/['’`´]/g, '')
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

function ruleFor(kind: keyof Phrases, flags = 'u'): RegExp {
  const patterns = LANGUAGES.flatMap((language) => language[kind]).map((pattern) => {
    const filled = pattern.replaceAll('#', `(?:${DIGITS})`);
    // Scripts that put no spaces between words have no borders to look for.
    return /[\u3040-\u9fff]/.test(pattern) ? filled : `(?<=^| )(?:${filled})(?= |$)`;
  });
  return new RegExp(patterns.join('|'), flags);
}

const RULES = {
  personal: ruleFor('personal'),
  screening: ruleFor('screening'),
  machine: ruleFor('machine'),
  keys: ruleFor('ivr', 'gu'),
  hold: ruleFor('hold'),
};

const MESSAGE =
  /(?<=^| )(?:message|voicemail|nachricht|mensaje|mensagem|recado|messaggio|bericht|wiadomosc)(?= |$)/u;
const TONE = /(?<=^| )(?:tone|beep|signalton|piepton|bip|tono|sinal|segnale|piep)(?= |$)/u;

const GREETING_WORDS =
  'hello|hallo|hi|hey|yes|yeah|hm|um|uh|allo|oui|bonjour|bonsoir|hola|bueno|diga|digame|alo|si|buenas|ja|moin|servus|guten|tag|morgen|abend|good|morning|afternoon|evening|pronto|buongiorno|buonasera|oi|ola|sim|bom|dia|boa|tarde|noite|hoi|goedemorgen|goedemiddag|halo|slucham|tak|who|is|this|there|speaking|もしもし|はい|喂|你好|您好';
const MERE_GREETING = new RegExp(`^(?:(?:${GREETING_WORDS})(?: |$))*$`, 'u');
