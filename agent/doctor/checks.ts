import type { Settings } from '../../src/config/settings.ts';
import { livekitApi } from '../../src/telephony/livekit_api.ts';
import { agentsCheck } from './agents_check.ts';
import { crmCheck } from './crm_check.ts';
import { dataDirCheck } from './data_dir_check.ts';
import type { Check } from './finding.ts';
import { hooksCheck } from './hooks_check.ts';
import { livekitCheck } from './livekit_check.ts';
import { modelCheck } from './model_check.ts';
import { portsCheck } from './ports_check.ts';
import { recordingsCheck } from './recordings_check.ts';
import { inboundCheck, outboundCheck } from './trunk_checks.ts';
import { webhookCheck } from './webhook_check.ts';

/** Everything that `npm run doctor` looks at, in the order in which it is shown. */
export function checksOf(settings: Settings): Check[] {
  const livekit = livekitApi(settings.livekit);
  return [
    agentsCheck(settings),
    livekitCheck(settings, livekit),
    inboundCheck(settings, livekit),
    outboundCheck(settings, livekit),
    modelCheck(settings),
    crmCheck(settings),
    webhookCheck(settings),
    hooksCheck(settings),
    dataDirCheck(settings),
    recordingsCheck(settings),
    portsCheck(settings),
  ];
}
