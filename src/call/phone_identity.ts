/** The called phone in the room of an outbound call: there is one in each. */
export const PHONE_IDENTITY = 'phone';
