import { formatPrice, type MoneyValue } from './format/money';
import { withoutEndZeros } from './format/quantity';

interface PriceLine {
  readonly item: string;
  readonly description: string;
  readonly states: readonly string[] | null;
  readonly included_text: string | null;
  readonly amount: MoneyValue;
  readonly per_text: string;
}

/** Every price of one plan, with what is included and in which states it runs. */
export function PriceList({ prices }: { prices: readonly PriceLine[] }) {
  return (
    <ul className="divide-line divide-y">
      {prices.map((price) => (
        <li key={price.item} className="flex items-baseline justify-between gap-4 py-2">
          <span className="min-w-0">
            {price.description}
            <span className="text-ink-soft block text-sm">
              {price.states ? `while ${price.states.join(' or ')}` : 'in every state'}
              {price.included_text ? ` · ${withoutEndZeros(price.included_text)} included` : ''}
            </span>
          </span>
          <span
            className="figures shrink-0 text-right"
            title={`${price.amount.amount} ${price.amount.currency}`}
          >
            {formatPrice(price.amount)} <span className="text-ink-soft text-sm">{price.per_text}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}

/** The price of a line, or a dash for a line that has none of its own. */
export function PriceText({ price }: { price: { amount: MoneyValue; per_text: string } | null }) {
  if (!price) return <span className="text-ink-soft">–</span>;
  return (
    <>
      {formatPrice(price.amount)} <span className="text-ink-soft text-sm">{price.per_text}</span>
    </>
  );
}
