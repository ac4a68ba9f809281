import type { Ratio } from '../base/ratio.js';
import { ceilRatio, floorRatio, multiplyRatio, ratio, sumRatios } from '../base/ratio.js';
import type { OutstandingSeries } from './invariant-one.js';
import { exactDrawnPico } from './lease-draw.js';

/**
 * Design: a renewal lifts the authorised total so that the money on loan becomes min(half of what remains, one hour at
 * the maximum rate) (C4). Half keeps something for other hosts and for the next renewal; once what remains is at most
 * twice `minimumPico` all of it is handed out, so that the last cents are not halved for ever.
 * Invariants: never below the present authorised total (the host may have drawn it); I1 holds after it if it held before.
 */
export interface AuthoriseInput {
  /** cap_effective of the tenant (C2). */
  readonly capPico: bigint;
  /** The rater at settled usage plus all slices on loan, rounded up. */
  readonly ratedPico: bigint;
  /** Money on loan to all other series, rounded up. */
  readonly outstandingPico: bigint;
  readonly fixedPico: bigint;
  readonly landingReservePico: bigint;
  /** The most the series can burn in an hour. */
  readonly ratePerHourPico: bigint;
  /** Smallest worthwhile loan. */
  readonly minimumPico: bigint;
  /** The series to renew; a new one has authorised 0 and nothing settled. */
  readonly series: OutstandingSeries;
}

export interface Authorisation {
  readonly authorisedPico: bigint;
  /** What this series may have on loan at most under I1; at or below 0 nothing can be lent. */
  readonly remainingPico: bigint;
  readonly raised: boolean;
}

export function authorise(input: AuthoriseInput): Authorisation {
  const remainingPico =
    input.capPico - input.ratedPico - input.outstandingPico - input.fixedPico - input.landingReservePico;
  const part = remainingPico <= 2n * input.minimumPico ? remainingPico : remainingPico / 2n;
  const loanPico = part < input.ratePerHourPico ? part : input.ratePerHourPico;
  // Rounded down: a fraction of a pico already drawn must not be lent a second time.
  const settledPico = floorRatio(exactDrawnPico(input.series.items, input.series.settled));
  const wishedPico = loanPico > 0n ? settledPico + loanPico : 0n;
  const raised = wishedPico > input.series.authorisedPico;
  return { authorisedPico: raised ? wishedPico : input.series.authorisedPico, remainingPico, raised };
}

/**
 * Lowers a series after its host confirmed that it adopted the lower total: what it had drawn by then stays
 * authorised. Until the confirmation the higher total counts as on loan.
 */
export function lowerAuthorised(
  series: OutstandingSeries,
  wishedPico: bigint,
  hostDrawnPico: bigint,
): bigint {
  const floor = wishedPico > hostDrawnPico ? wishedPico : hostDrawnPico;
  return floor < series.authorisedPico ? floor : series.authorisedPico;
}

/** One resource's part in a burn rate: how many units an hour it can consume at most of a leased item. */
export interface BurnPart {
  readonly priceNum: bigint;
  readonly priceDen: bigint;
  readonly quantityPerHour: bigint;
}

/** The most a series can burn in an hour, in pico, rounded up. */
export function maximumRatePerHourPico(parts: readonly BurnPart[]): bigint {
  return ceilRatio(
    sumRatios(parts.map((part) => ratio(part.quantityPerHour * part.priceNum, part.priceDen))),
  );
}

export interface OvershootInput {
  /** The host's step, ns. */
  readonly tickNs: bigint;
  /** Vcpus of the tenant that can run at once on the host. */
  readonly runningVcpus: bigint;
  /** Price of one ns of one vcpu at full use, all time-driven items together, pico. */
  readonly pricePerVcpuNsPico: Ratio;
  /** The most I/O that may be in flight when the money ends, with its price. */
  readonly inFlight: readonly { readonly quantity: bigint; readonly pricePico: Ratio }[];
}

/** Bound I2 of one host in pico: tick x running vcpus x price + I/O in flight, rounded up. */
export function capOvershootBoundPico(input: OvershootInput): bigint {
  const ticking = multiplyRatio(ratio(input.tickNs * input.runningVcpus), input.pricePerVcpuNsPico);
  const flying = input.inFlight.map((each) => multiplyRatio(ratio(each.quantity), each.pricePico));
  return ceilRatio(sumRatios([ticking, ...flying]));
}
