/**
 * What Callwire needs of a CRM. `builtin` and `http` implement it today; every adapter passes
 * `crm_conformance.ts`.
 */
export interface Crm {
  readonly name: string;
  /**
   * The contact with this E.164 number, or `null` for nobody. Rejects with a `CallwireError`
   * (`CRM_TIMEOUT`, `CRM_UNAVAILABLE`, `CRM_REFUSED`, `CRM_INVALID_ANSWER`) and never hangs beyond `signal`.
   */
  findByPhone(phone: string, signal: AbortSignal): Promise<Contact | null>;
}

/** Runs only in the worker's delivery loop. */
export interface CrmWriter {
  readonly name: string;
  /** Whether a repeated write with the same id is known to happen once in the CRM. */
  readonly deduplicates: boolean;
  write(write: CrmWrite, signal: AbortSignal): Promise<CrmWriteResult>;
}

export type CrmWrite = CrmNote | CrmActivity;

interface CrmWriteBase {
  /** Sent as `Idempotency-Key`. */
  id: string;
  contactId: string | null;
  /** The other party, E.164; `null` for an anonymous caller. */
  phone: string | null;
}

export interface CrmNote extends CrmWriteBase {
  operation: 'note';
  text: string;
}

export interface CrmActivity extends CrmWriteBase {
  operation: 'activity';
  activity: {
    type: 'call';
    phone: string | null;
    duration_seconds: number;
    intent: string | null;
    summary: string | null;
    transfer_to: string | null;
  };
}

export type CrmWriteResult =
  | {
      ok: true;
      /** Also the one that was made for an unknown caller, where the CRM tells it. */
      contactId: string | null;
      status?: number;
      /** At most 4 KB of the answer, for the record of the attempt. */
      response?: string;
    }
  | {
      ok: false;
      retryable: boolean;
      /** Stable: `timeout`, `connection`, `status`, `no_contact`, … */
      code: string;
      status: number | null;
      retryAfterMs?: number;
      response?: string;
    };

/** All of it is `contact.*` in templates; unknown fields of the CRM are kept. */
export interface Contact {
  id: string;
  name: string | null;
  phone: string | null;
  email: string | null;
  accountStatus: string | null;
  lastInteraction: string | null;
  preferredLanguage: string | null;
  [field: string]: unknown;
}
