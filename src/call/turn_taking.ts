/**
 * How the model takes turns (`turn_detection` of OpenAI's Realtime API). In a conversation it judges by
 * itself when the other party has finished, answers, and falls silent when they speak.
 */
export const CONVERSE = {
  type: 'semantic_vad',
  eagerness: 'medium',
  create_response: true,
  interrupt_response: true,
} as const;

/**
 * It only listens: writes down each utterance behind a short pause, answers none of them by itself, and
 * is not cut off. For as long as nobody knows whether the other party is a person.
 */
export const LISTEN_ONLY = {
  type: 'server_vad',
  threshold: 0.5,
  prefix_padding_ms: 300,
  silence_duration_ms: 400,
  create_response: false,
  interrupt_response: false,
} as const;
