import type { Metadata } from 'next';
import Link from 'next/link';
import { EventFeed } from '../../features/activity/event-feed';
import { LimitList } from '../../features/budgets/limit-list';
import { Overview } from '../../features/overview/overview';
import { Card, CardBody, CardHeader } from '../../ui/card';
import { PageHeader } from '../../ui/page-header';

export const metadata: Metadata = { title: 'Overview' };

export default function OverviewPage() {
  const activity = (
    <Card>
      <CardHeader
        title="Activity"
        aside={
          <Link href="/activity" className="hover:text-ink">
            View all
          </Link>
        }
      />
      <CardBody className="pb-2">
        <EventFeed max={6} />
      </CardBody>
    </Card>
  );
  return (
    <>
      <PageHeader title="Overview" />
      <Overview limits={<LimitList />} activity={activity} />
    </>
  );
}
