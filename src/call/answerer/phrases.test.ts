import { describe, expect, it } from 'vitest';
import { fold, isMereGreeting, type Speaker, speakerOf } from './phrases.ts';

const SAID: Record<Speaker, readonly string[]> = {
  machine: [
    'Please leave a message after the tone.',
    "Hi, you've reached John Smith. I can't come to the phone right now.",
    'You have reached the voicemail of Ada Lovelace.',
    'Your call has been forwarded to an automatic voice message system.',
    'Your call has been forwarded to an automated voice messaging system. 555 0100 is not available. At the tone, please record your message. When you have finished recording, you may hang up or press 1 for more options.',
    "Hey, it's Ada, leave me a message and I'll get back to you as soon as I can.",
    "Sorry I missed your call. Leave your name and number and I'll call you back as soon as possible.",
    'The person you are trying to reach is not available.',
    'The number you have dialed is not in service.',
    'The customer you are calling is not available at the moment. Please try again later.',
    'The mailbox is full and cannot accept any messages at this time.',
    'The subscriber you have dialed has a voice mailbox that has not been set up yet.',
    "I'm not available right now, but if you leave a short message",
    'We are currently closed. Our office hours are nine to five.',
    'Please record your message after the beep.',
    'Leave your name and why you are calling, and a message after the tone.',
    'To leave a callback number, press 5, or leave a message after the tone.',
    'Hallo, hier ist die Mailbox von Ada Lovelace. Bitte hinterlassen Sie eine Nachricht nach dem Signalton.',
    'Guten Tag, ich bin zurzeit leider nicht erreichbar.',
    'No one is available to take your call.',
    'Hi, I can’t take your call right now.',
    'Der Teilnehmer ist vorübergehend nicht erreichbar.',
    'Die gewählte Rufnummer ist nicht vergeben.',
    'Bitte sprechen Sie Ihre Nachricht nach dem Ton.',
    'Kein Anschluss unter dieser Nummer.',
    'Bonjour, vous êtes bien sur la messagerie de Marie. Laissez-moi un message après le bip.',
    'Je ne suis pas disponible pour le moment, merci de me laisser un message.',
    "Le numéro que vous avez composé n'est pas attribué.",
    'Hola, ha llamado a Ana. Deje su mensaje después de la señal.',
    'El número que usted marcó no está disponible.',
    'Buzón de voz. Grabe su mensaje después del tono.',
    'El teléfono está apagado o fuera de cobertura.',
    'Questa è la segreteria telefonica di Marco. Lasciate un messaggio dopo il segnale acustico.',
    'Il cliente da lei chiamato non è al momento raggiungibile.',
    'Sua chamada está sendo encaminhada para a caixa postal. Deixe sua mensagem após o sinal.',
    'O número que você discou não está disponível.',
    'Dit is de voicemail van Jan. Spreek een bericht in na de piep.',
    'De persoon die u belt is niet bereikbaar.',
    'Zostaw wiadomość po sygnale.',
    'Abonent jest czasowo niedostępny.',
    'ただいま電話に出ることができません。発信音の後にメッセージをお残しください。',
    'おかけになった電話は電波の届かない場所にあるか、電源が入っていないためかかりません。',
    '您拨打的电话暂时无人接听，请在提示音后留言。',
    '您好，您所拨打的用户已关机。',
  ],
  ivr: [
    'Thank you for calling Northwind. For sales, press 1. For support, press 2.',
    'Press one to continue.',
    'Please listen carefully as our menu options have changed.',
    'Your call is important to us. All of our agents are currently busy.',
    'This call may be recorded for quality purposes.',
    'To leave a message, press 2. To speak to an operator, press 0.',
    'Para español, oprima el dos.',
    'If you know your party’s extension, you may dial it now.',
    'Drücken Sie bitte die 1 für den Vertrieb.',
    'Alle unsere Mitarbeiter sind im Gespräch.',
    'Tapez 1 pour le service commercial.',
    'Tous nos conseillers sont en ligne.',
    'Para ventas marque el uno, para soporte marque el dos.',
    'Prema il tasto 1.',
    'Para falar com vendas, digite 1.',
    'Toets 1 voor verkoop.',
    'Wybierz jeden.',
    '営業部は1番を押してください。',
    '普通话请按一。',
  ],
  screening: [
    "Hi, if you record your name and reason for calling, I'll see if this person is available.",
    "Hi, the person you're calling is using a screening service from Google. Go ahead and say your name and why you're calling.",
    'Please state your name and why you are calling.',
    'Please say your name after the tone and I will try to connect you.',
    'Before I connect this call, who is it?',
    'Nennen Sie bitte Ihren Namen und den Grund Ihres Anrufs.',
    'Veuillez patienter. Indiquez votre nom et la raison de votre appel.',
    'Diga su nombre y el motivo de su llamada.',
    'Dica il suo nome e il motivo della chiamata.',
    'Diga o seu nome e o motivo da ligação.',
  ],
  hold: [
    'Thanks. Please stay on the line.',
    'One moment please.',
    'Hello, one moment please.',
    'Please hold.',
    'Einen Moment bitte.',
    'Ne quittez pas.',
    'Un momento, por favor.',
    'Resti in linea.',
    'Só um minuto.',
    'お待ちください。',
  ],
  person: [
    'Thank you for calling Northwind, this is Jane, how can I help you?',
    'Northwind, good morning, how may I help you?',
    "Who's calling?",
    'May I ask who is calling?',
    "He's not available right now. Would you like to leave a message?",
    "She can't come to the phone right now, can I take a message?",
    'Schmidt, guten Morgen, was kann ich für Sie tun?',
    'Can I ask why you are calling?',
    '您要留言吗？',
    'Er ist gerade nicht da. Möchten Sie eine Nachricht hinterlassen?',
    'Elle est en réunion. Voulez-vous laisser un message ?',
    'Hola, ¿quién habla?',
    'No está en este momento. ¿Quiere dejar un recado?',
    'Pronto, chi parla?',
    'Alô, quem fala?',
    'Goedemorgen, waarmee kan ik u helpen?',
    'Dzień dobry, w czym mogę pomóc?',
    'どちら様でしょうか。',
    '您好，请问哪位？',
  ],
};

describe('what is said tells who speaks', () => {
  const cases = Object.entries(SAID).flatMap(([kind, texts]) =>
    texts.map((text) => [kind, text] as const),
  );
  it.each(cases)('%s: %s', (kind, text) => expect(speakerOf(text)).toBe(kind));

  it.each([
    '',
    '…',
    'The weather is fine today.',
    'Northwind.',
    'Ada Lovelace speaking.',
    'Hello?',
    'Yes, this is Ada.',
    'Hallo, Lovelace am Apparat.',
    'Allô ?',
    '¿Bueno?',
    'Pronto?',
    'Alô?',
    'Met Jan de Vries.',
    'Halo, słucham.',
    'もしもし。',
    '喂，你好。',
    // People who pick up, and are busy: whoever hangs up on them has lost them.
    'I am busy, please call back later.',
    'I’m not interested.',
    'I’m not sure who this is.',
    'I’m driving, I’ll call you back as soon as I can.',
    'I can’t take calls right now.',
    'She can’t come to the phone right now.',
    'He is not available.',
    'Sorry, we’re closed.',
    'Ich bin gerade unterwegs, ich rufe Sie zurück.',
    'Er ist gerade nicht da.',
    'Je ne peux pas répondre, je conduis.',
    'Ahora no puedo atenderle.',
    'Non posso parlare adesso.',
    'Não posso atender agora.',
    'Ik kan nu niet praten.',
    'ただいま留守にしております。',
  ])('nobody in particular: %s', (text) => expect(speakerOf(text)).toBe(null));

  it('only as a whole: no word is found inside of another', () => {
    expect(speakerOf('Impressed 1.')).toBe(null);
    expect(speakerOf('Jackpot.')).toBe(null);
  });

  it('in a time that does not grow wildly with what is said', () => {
    const radio = 'to the of and a in that is it for you '.repeat(400);
    expect(speakerOf(radio)).toBe(null);
  });
});

it('a greeting alone wants no answer of its own', () => {
  for (const text of ['Hello?', 'Yes, hello!', 'Guten Tag.', 'Hello, who is this?', 'もしもし']) {
    expect([text, isMereGreeting(text)]).toEqual([text, true]);
  }
  for (const text of ['Hello, I am busy.', 'Not now.', 'Ada Lovelace.']) {
    expect([text, isMereGreeting(text)]).toEqual([text, false]);
  }
});

it('folds accents, capitals, apostrophes and marks away, and leaves other scripts as they are', () => {
  expect(fold('You’ve  REACHED Zoë’s, très-bien!')).toBe('youve reached zoes tres bien');
  expect(fold('Groß, słucham')).toBe('gross slucham');
  expect(fold('ガ が')).toBe('ガ が');
});
