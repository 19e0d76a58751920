import { readDotEnv } from '../../src/config/dot_env.ts';
import { url } from '../../src/config/setting_schemas.ts';
import { CallwireError, isCallwireError } from '../../src/errors.ts';

/** The model that speaks in place of the stand-in. */
export interface GivenModel {
  apiKey: string;
  baseUrl: string;
}

const OPENAI = 'https://api.openai.com/v1';
const address = url(['https', 'http'], { base: true });

/**
 * The real model where its key is given, in the environment or in `.env`. No other setting is read:
 * the demo runs whatever is wrong with them. Throws `CONFIG_INVALID`.
 */
export function givenModel(
  settings: NodeJS.ProcessEnv = { ...readDotEnv(process.cwd()), ...process.env },
): GivenModel | undefined {
  const apiKey = settings.OPENAI_API_KEY?.trim();
  if (!apiKey) return undefined;
  const { data: baseUrl, error } = address.safeParse(settings.OPENAI_BASE_URL?.trim() || OPENAI);
  if (baseUrl !== undefined) return { apiKey, baseUrl };
  throw new CallwireError('CONFIG_INVALID', `OPENAI_BASE_URL ${error?.issues[0]?.message}.`, {
    remedy: 'Correct it, in the environment or in .env, or unset it: OpenAI is asked then.',
  });
}

/** What the demo's profile names; the voice matters only to one who listens. */
const SESSION = { model: 'gpt-realtime', voice: 'marin' };
/** Half of what a call has for it: somebody waits for the demo to begin. */
const LIMITS = { budgetMs: 4_000 };

/**
 * Resolves when the model has taken the key; nothing is said, so nothing is paid. Rejects with
 * `MODEL_UNAUTHORIZED`, `MODEL_REFUSED` or `MODEL_UNREACHABLE`, and the way without a key.
 */
export async function connectsOnce(
  { apiKey, baseUrl }: GivenModel,
  signal: AbortSignal,
): Promise<void> {
  // Not at the top: loading agents-js takes a second, and most demos have no key.
  const [{ initializeLogger }, { CallModel }] = await Promise.all([
    import('@livekit/agents'),
    import('../../src/call/realtime_model.ts'),
  ]);
  initializeLogger({ pretty: false, level: 'silent' });
  const model = new CallModel({ ...SESSION, apiKey, baseUrl, limits: LIMITS });
  try {
    await model.connect(signal);
  } catch (error) {
    if (signal.aborted || !isCallwireError(error)) throw error;
    const { code, message, retryable, remedy } = error;
    throw new CallwireError(code, `${message}, at ${baseUrl}`, {
      retryable,
      remedy: `${remedy ?? ''} Without OPENAI_API_KEY a stand-in speaks.`.trim(),
      cause: error,
    });
  } finally {
    await model.discard();
  }
}
