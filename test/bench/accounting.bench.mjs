// What metering costs, and how exactly it holds its promises.
import { ingestVsCopy } from './accounting/ingest.mjs';
import { ratedRecords } from './accounting/rating.mjs';

export async function* figures(context) {
  yield ratedRecords(context);
  yield await ingestVsCopy(context);
}
