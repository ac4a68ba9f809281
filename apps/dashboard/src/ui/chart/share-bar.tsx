export interface Share {
  readonly name: string;
  readonly value: number;
  readonly colour: string;
  readonly hatched?: boolean;
  readonly text: string;
}

/** Parts of one whole side by side, with a legend that says the same in words. */
export function ShareBar({
  shares,
  label,
  legend = true,
}: {
  shares: readonly Share[];
  label: string;
  legend?: boolean;
}) {
  const whole = shares.reduce((sum, share) => sum + Math.max(share.value, 0), 0);
  const text = shares.map((share) => `${share.name} ${share.text}`).join(', ');
  return (
    <div>
      <div
        role="img"
        aria-label={`${label}: ${text}`}
        className="bg-sunken flex h-2.5 gap-0.5 overflow-hidden rounded-full"
      >
        {shares.map((share) =>
          share.value > 0 ? (
            <span
              key={share.name}
              className={share.hatched ? 'hatched h-full' : 'h-full'}
              style={{
                width: `${(share.value / whole) * 100}%`,
                color: share.colour,
                ...(share.hatched ? {} : { background: share.colour }),
              }}
            />
          ) : null,
        )}
      </div>
      {legend ? (
        <ul className="mt-2.5 flex flex-wrap gap-x-4 gap-y-1 text-sm">
          {shares.map((share) => (
            <li key={share.name} className="flex items-center gap-1.5">
              <span aria-hidden className="size-2 rounded-[3px]" style={{ background: share.colour }} />
              <span className="text-ink-soft">{share.name}</span>
              <span className="figures">{share.text}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
