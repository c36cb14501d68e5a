import type { Day } from './orders.ts';
import type { Played } from './play.ts';
import type { Reconciliation } from './reconcile.ts';

/** The figures of one run. */
export interface Summary {
  readonly placed: number;
  readonly confirmed: number;
  readonly pending: number;
  readonly failed: number;
  readonly cancelled: Readonly<Record<string, number>>;
  readonly refused: Day['refused'];
  readonly seconds: number;
  readonly settledPerSecond: number;
  readonly placeMs: Percentiles;
  readonly settleMs: Percentiles;
  readonly reconciliation: Reconciliation;
}
interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

export function summarise(played: readonly Played[], refused: Day['refused'], seconds: number, reconciliation: Reconciliation): Summary {
  const settled = played.filter(({ status }) => status === 'confirmed' || status === 'cancelled');
  const cancelled: Record<string, number> = {};
  for (const { status, reason = 'unknown' } of settled) if (status === 'cancelled') cancelled[reason] = (cancelled[reason] ?? 0) + 1;
  return {
    placed: played.filter(({ orderId }) => orderId !== undefined).length,
    confirmed: settled.filter(({ status }) => status === 'confirmed').length,
    pending: played.filter(({ status }) => status === 'pending').length,
    failed: played.filter(({ status }) => status === undefined).length,
    cancelled,
    refused,
    seconds,
    settledPerSecond: settled.length / seconds,
    placeMs: percentiles(settled.map(({ placedMs }) => placedMs)),
    settleMs: percentiles(settled.map(({ settledMs }) => settledMs)),
    reconciliation,
  };
}

const pounds = (amount: number): string => (amount / 100).toLocaleString('en-GB', { minimumFractionDigits: 2 });
const line = (label: string, value: unknown): string => `  ${label.padEnd(22)}${value}`;

/** Formats the figures for a person. */
export function print(summary: Summary): string {
  const { reconciliation, refused, cancelled, placeMs, settleMs } = summary;
  const reasons = new Map<string, number[]>();
  for (const { line: number, reason } of refused) reasons.set(reason, [...(reasons.get(reason) ?? []), number]);
  return [
    '',
    line('orders placed', summary.placed),
    line('confirmed', summary.confirmed),
    ...Object.entries(cancelled).map(([reason, count]) => line(`cancelled: ${reason}`, count)),
    ...(summary.pending > 0 ? [line('still pending', summary.pending)] : []),
    ...(summary.failed > 0 ? [line('could not be placed', summary.failed)] : []),
    line('rows refused', refused.length),
    ...[...reasons].map(([reason, lines]) => `    ${reason}: line${lines.length > 1 ? 's' : ''} ${lines.join(', ')}`),
    line('time', `${summary.seconds.toFixed(1)} s`),
    line('settled orders', `${summary.settledPerSecond.toFixed(1)} a second`),
    line('accepted after', `${placeMs.p50} ms (p50), ${placeMs.p95} ms (p95), ${placeMs.p99} ms (p99)`),
    line('settled after', `${settleMs.p50} ms (p50), ${settleMs.p95} ms (p95), ${settleMs.p99} ms (p99)`),
    line('confirmed orders', pounds(reconciliation.confirmedTotal)),
    line('captured payments', pounds(reconciliation.capturedTotal)),
    reconciliation.differences.length === 0
      ? '  stock, payments and orders reconcile to the penny'
      : `  THE BOOKS DO NOT RECONCILE:\n${reconciliation.differences.map((difference) => `    ${difference}`).join('\n')}`,
    '',
  ].join('\n');
}
