'use client';
import { CircleAlert, CircleCheck } from 'lucide-react';
import { useLedger } from '../../api/operator';
import { Answered } from '../../ui/answered';
import { Card, CardHeader } from '../../ui/card';
import { compareDecimals } from '../../ui/format/decimal';
import { Money } from '../../ui/money';
import { SkeletonRows } from '../../ui/skeleton';
import { Cell, HeadCell, Row, Table } from '../../ui/table';

/** The trial balance: every account, and the proof that they cancel out. */
export function LedgerPage() {
  const query = useLedger();
  return (
    <Card>
      <CardHeader
        title="Trial balance"
        note="Debits and credits of every transaction are equal, so all accounts together are nothing"
      />
      <Answered
        query={query}
        what="Ledger"
        skeleton={
          <div className="px-5 pb-4">
            <SkeletonRows rows={4} />
          </div>
        }
      >
        {({ data, sums }) => {
          const balanced = sums.every((sum) => compareDecimals(sum.amount, '0') === 0);
          return (
            <div className="border-line border-t">
              <Table label="Accounts">
                <thead>
                  <tr>
                    <HeadCell>Account</HeadCell>
                    <HeadCell numeric>Balance</HeadCell>
                  </tr>
                </thead>
                <tbody>
                  {data.map((one) => (
                    <Row key={one.account + one.balance.currency}>
                      <Cell>{one.account}</Cell>
                      <Cell numeric>
                        <Money value={one.balance} decimals={6} />
                      </Cell>
                    </Row>
                  ))}
                </tbody>
                <tfoot>
                  <tr
                    className="bg-sunken/50 font-medium"
                    data-testid="ledger-check"
                    data-balanced={balanced}
                  >
                    <Cell className="border-t border-b-0">
                      <span className="flex items-center gap-2">
                        {balanced ? (
                          <CircleCheck aria-hidden className="text-good-text size-4" />
                        ) : (
                          <CircleAlert aria-hidden className="text-bad-text size-4" />
                        )}
                        {balanced
                          ? 'Balanced: the accounts add up to nothing'
                          : 'The accounts do not add up to nothing'}
                      </span>
                    </Cell>
                    <Cell numeric className="border-t border-b-0">
                      {sums.map((sum) => (
                        <Money key={sum.currency} value={sum} decimals={6} />
                      ))}
                    </Cell>
                  </tr>
                </tfoot>
              </Table>
            </div>
          );
        }}
      </Answered>
    </Card>
  );
}
