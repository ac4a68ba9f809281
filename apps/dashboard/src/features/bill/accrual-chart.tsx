import type { Bill } from '../../api/contract';
import { formatMoney } from '../../ui/format/money';
import { formatDate } from '../../ui/format/time';

const width = 480;
const height = 104;

/** The period from left to right: what has accrued (solid) and where the present rate leads (dashed). Pixels only. */
export function AccrualChart({ bill }: { bill: Bill }) {
  const [start, end] = [Date.parse(bill.period.start), Date.parse(bill.period.end)];
  const now = bill.metered_to ? Date.parse(bill.metered_to) : start;
  const accrued = Number(bill.accrued.amount);
  const forecast = Math.max(Number(bill.forecast.amount), accrued);
  const share = Math.min(Math.max((now - start) / Math.max(end - start, 1), 0), 1);
  const top = forecast > 0 ? forecast * 1.1 : 1;
  const x = share * width;
  const y = height * (1 - accrued / top);
  const endY = height * (1 - forecast / top);
  const label = `Accrued ${formatMoney(bill.accrued)} so far, heading for ${formatMoney(bill.forecast)} at the end of the period`;
  return (
    <figure>
      <div className="relative h-[104px]" role="img" aria-label={label}>
        <svg
          aria-hidden
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          className="absolute inset-0 size-full"
        >
          {[0.25, 0.5, 0.75, 1].map((part) => (
            <line
              key={part}
              x1={0}
              x2={width}
              y1={height * part}
              y2={height * part}
              className="stroke-line"
              vectorEffect="non-scaling-stroke"
            />
          ))}
          <path d={`M0 ${height}L${x} ${y}L${x} ${height}Z`} fill="var(--cpu)" opacity={0.16} />
          <path
            d={`M${x} ${y}L${width} ${endY}L${width} ${height}L${x} ${height}Z`}
            fill="var(--cpu)"
            opacity={0.05}
          />
          <path
            d={`M0 ${height}L${x} ${y}`}
            stroke="var(--cpu)"
            strokeWidth={1.5}
            fill="none"
            vectorEffect="non-scaling-stroke"
          />
          <path
            d={`M${x} ${y}L${width} ${endY}`}
            stroke="var(--cpu)"
            strokeWidth={1.5}
            strokeDasharray="4 4"
            fill="none"
            vectorEffect="non-scaling-stroke"
          />
        </svg>
        <span
          aria-hidden
          className="border-card bg-cpu absolute size-2.5 -translate-x-1/2 -translate-y-1/2 rounded-full border-2"
          style={{ left: `${share * 100}%`, top: `${(y / height) * 100}%` }}
        />
      </div>
      <figcaption className="text-ink-soft figures mt-2 flex justify-between text-sm">
        <span>{formatDate(bill.period.start, bill.period.time_zone)}</span>
        <span>
          <span className="text-ink font-medium">{formatMoney(bill.forecast)}</span> by{' '}
          {formatDate(new Date(end - 1).toISOString(), bill.period.time_zone)}
        </span>
      </figcaption>
    </figure>
  );
}
