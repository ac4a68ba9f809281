// What metering costs, and how exactly it holds its promises.
import { freshness } from './accounting/freshness.mjs';
import { ingestVsCopy } from './accounting/ingest.mjs';
import { quotaLatency, transfersRatio } from './accounting/ledger-and-quota.mjs';
import { capOvershoot } from './accounting/overshoot.mjs';
import { ratedRecords } from './accounting/rating.mjs';

export async function* figures(context) {
  yield ratedRecords(context);
  yield capOvershoot(context);
  yield await ingestVsCopy(context);
  yield await transfersRatio(context);
  yield await quotaLatency(context);
  yield await freshness(context);
}
