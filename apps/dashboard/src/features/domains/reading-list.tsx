'use client';
import { useMeterReadings } from '../../api/domains';
import type { MeterReading } from '../../api/contract';
import { Answered } from '../../ui/answered';
import { Button } from '../../ui/button';
import { formatCount } from '../../ui/format/quantity';
import { formatMoment } from '../../ui/format/time';
import { SkeletonRows } from '../../ui/skeleton';
import { Cell, HeadCell, Row, Table } from '../../ui/table';

/** The host's signed statements: cumulative meter values, each naming the hash of the one before. */
export function ReadingList({ domainId }: { domainId: string }) {
  const query = useMeterReadings(domainId);
  return (
    <Answered
      query={query}
      what="Meter readings"
      skeleton={
        <div className="px-5 pb-4">
          <SkeletonRows rows={8} />
        </div>
      }
    >
      {(data) => {
        const readings = data.pages.flatMap((page) => page.data);
        if (readings.length === 0) {
          return (
            <p className="text-ink-soft px-5 pb-5">The host has not sent a reading for this domain yet.</p>
          );
        }
        return (
          <>
            <ReadingTable readings={readings} />
            {query.hasNextPage ? (
              <div className="border-line border-t p-3 text-center">
                <Button
                  size="small"
                  disabled={query.isFetchingNextPage}
                  onClick={() => void query.fetchNextPage()}
                >
                  Show earlier readings
                </Button>
              </div>
            ) : null}
          </>
        );
      }}
    </Answered>
  );
}

function ReadingTable({ readings }: { readings: readonly MeterReading[] }) {
  const meters = [...new Set(readings.flatMap((reading) => Object.keys(reading.values)))];
  return (
    <Table label="Meter readings" className="text-sm">
      <thead>
        <tr>
          <HeadCell numeric>Seq</HeadCell>
          <HeadCell>Time</HeadCell>
          <HeadCell>State</HeadCell>
          <HeadCell>Why</HeadCell>
          {meters.map((meter) => (
            <HeadCell key={meter} numeric>
              {meter.replaceAll('_', ' ')}
            </HeadCell>
          ))}
          <HeadCell>Hash</HeadCell>
        </tr>
      </thead>
      <tbody>
        {readings.map((reading) => (
          <Row key={`${reading.incarnation}:${reading.seq}`}>
            <Cell numeric>{reading.seq}</Cell>
            <Cell className="figures whitespace-nowrap">{formatMoment(reading.at)}</Cell>
            <Cell>{reading.state}</Cell>
            <Cell className="text-ink-soft whitespace-nowrap">{reading.reason || reading.kind}</Cell>
            {meters.map((meter) => (
              <Cell key={meter} numeric>
                {formatCount(reading.values[meter] ?? '0')}
              </Cell>
            ))}
            <Cell className="text-ink-soft font-mono text-[12px]" title={reading.hash}>
              {reading.hash.slice(0, 10)}
            </Cell>
          </Row>
        ))}
      </tbody>
    </Table>
  );
}
